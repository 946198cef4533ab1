import type { Logger } from 'pino';
import { Backoff, type Clock } from '../../lib/clock/index.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import type { DeliveryMetrics } from './metrics.ts';
import type { DeliveryState } from './state.ts';

/** A stage that must have handled what was accepted, before a message may leave. */
export interface UpstreamStage {
  name: string;
  /** The partitions that matter to the workspaces of this one; undefined: all of them. */
  partitions: readonly number[] | undefined;
  /** Resolves once the stage has handled everything that is in those partitions of its topic when this is called. */
  pass(signal: AbortSignal): Promise<void>;
  /** What the members of the stage report now. */
  ask(): Promise<StagePosition[]>;
}

export interface SettlerDeps {
  partition: number;
  /** In the order in which an event passes them. */
  stages: readonly UpstreamStage[];
  state: Pick<DeliveryState, 'settle' | 'settled'>;
  /** Appends `settled` with t0 to flow-inputs; resolves when it is durable. */
  append(workspace: string, t0: number): Promise<void>;
  clock: Clock;
  logger: Logger;
  metrics: DeliveryMetrics;
  /** Aborted when the task ends. */
  signal: AbortSignal;
  /** Something is to be committed. */
  wake(): void;
}

/** Probes under way at a time: a later message need not wait for the probe of an earlier one. */
const PROBES_MAX = 6;
/** The least time between the beginnings of two probes; slow stages get fewer of them, by a share of the last one's time. */
const SPACING_MS = 30;
const SPACING_SHARE = 0.25;
/** Messages that follow each other this closely are expected to be followed by more. */
const BUSY_MS = 250;
const PAUSES = { firstMs: 100, maxMs: 5_000 };
/** A probe that takes this long is looked into, and again after each further period. */
const ALERT_MS = 10_000;

/**
 * Proves that everything which ingest had accepted before a message was due has passed through flow-inputs. A probe
 * notes the wall clock t0, then follows the ends of the topics through the stages: once the last stage has passed them, a
 * record `settled` with t0 is appended, behind everything that this stage has written. One proof serves all messages that
 * wait; nothing is probed while none waits. While messages follow each other closely, probes do too, so that a message is
 * mostly served by a probe that began before it was known. `settled` is appended outside of the task's transactions, so
 * that it need not wait for one: it is true forever, so it may be repeated, also by a former owner of the partition.
 */
export class Settler {
  private probes = 0;
  /** The greatest t0 of the probes under way. */
  private probingToMs = -Infinity;
  private startedAtMs = -Infinity;
  /** How long the last probe has taken. */
  private tookMs = 0;
  /** The time that was wanted last, when that was first seen, and how long after the one before. */
  private last = { dueMs: -Infinity, seenAtMs: -Infinity, gapMs: Infinity };
  private readonly backoff = new Backoff(PAUSES);
  private isSleeping = false;

  constructor(private readonly deps: SettlerDeps) {
    this.report();
  }

  /** Begins a probe if a message waits for one. Call it after each change of `state.settle`. */
  pump(): void {
    const { state, clock, signal } = this.deps;
    const wanted = state.settle;
    if (wanted === null || signal.aborted || this.isSleeping) return;
    const isBusy = this.isBusy(wanted.due_at);
    if (this.probes >= PROBES_MAX || (this.probingToMs >= wanted.due_at && !isBusy)) return;
    const untilDueMs = wanted.due_at - clock.wallMs();
    const spacingMs = Math.max(SPACING_MS, SPACING_SHARE * this.tookMs);
    const pauseMs = Math.max(untilDueMs, this.startedAtMs + spacingMs - clock.elapsedMs());
    if (pauseMs > 0) this.pumpAfter(pauseMs);
    else void this.probe(wanted.workspace);
  }

  /** While messages follow each other, a probe begins before the next one is known: it need not wait for a whole one. */
  private isBusy(dueMs: number): boolean {
    const nowMs = this.deps.clock.elapsedMs();
    if (dueMs !== this.last.dueMs) this.last = { dueMs, seenAtMs: nowMs, gapMs: nowMs - this.last.seenAtMs };
    return Math.max(this.last.gapMs, nowMs - this.last.seenAtMs) < BUSY_MS;
  }

  private pumpAfter(ms: number): void {
    const { clock, signal } = this.deps;
    this.isSleeping = true;
    void clock.sleep(ms, signal).then(() => {
      this.isSleeping = false;
      this.pump();
    });
  }

  private async probe(workspace: string): Promise<void> {
    const { stages, state, append, clock, logger, metrics, partition, wake } = this.deps;
    const ended = new AbortController();
    const signal = AbortSignal.any([this.deps.signal, ended.signal]);
    const t0 = clock.wallMs();
    this.probes++;
    this.probingToMs = Math.max(this.probingToMs, t0);
    const startedAtMs = (this.startedAtMs = clock.elapsedMs());
    this.report(t0);
    void this.watch(startedAtMs, signal);
    let retryMs = 0;
    try {
      for (const { pass } of stages) await pass(signal);
      await append(workspace, t0);
      this.tookMs = clock.elapsedMs() - startedAtMs;
      metrics.settleSeconds.observe(this.tookMs / 1_000);
      state.settled(t0);
      this.backoff.reset();
      wake();
    } catch (err) {
      if (this.deps.signal.aborted) return;
      retryMs = this.backoff.nextMs();
      logger.warn({ partition, retryMs, err }, 'cannot follow the stages before delivery; retrying');
    } finally {
      ended.abort();
      this.probes--;
      if (this.probes === 0) this.probingToMs = -Infinity;
      this.report();
    }
    if (retryMs > 0) this.pumpAfter(retryMs);
    else this.pump();
  }

  /** While a probe takes long: says which stage holds messages back, and why. */
  private async watch(startedAtMs: number, signal: AbortSignal): Promise<void> {
    const { clock, stages } = this.deps;
    for (;;) {
      await clock.sleep(ALERT_MS, signal);
      if (signal.aborted) return;
      const seconds = Math.round((clock.elapsedMs() - startedAtMs) / 1_000);
      for (const stage of stages) await this.look(stage, seconds);
    }
  }

  private async look(stage: UpstreamStage, seconds: number): Promise<void> {
    const { logger, metrics, partition } = this.deps;
    const positions = await stage.ask().catch(() => null);
    const labels = { partition, stage: stage.name };
    const matters = (at: StagePosition): boolean => stage.partitions?.includes(at.partition) ?? true;
    const stopped = positions?.filter((at) => at.state === 'stopped' && matters(at)) ?? [];
    metrics.blocked.set(labels, stopped.length > 0 ? 1 : 0);
    for (const at of stopped) {
      const { partition: upstream, stopReason, stopDetail, failingOffset } = at;
      const where = { ...labels, upstream, stopReason, stopDetail, failingOffset, seconds };
      logger.error(where, 'messages wait: a partition of a stage before delivery is stopped');
    }
    if (positions === null || positions.length === 0) {
      logger.warn({ ...labels, seconds }, 'messages wait: no process of a stage before delivery answers');
    }
  }

  private report(sinceMs?: number): void {
    const { metrics, partition, stages } = this.deps;
    if (this.probes === 0) {
      metrics.settling.set({ partition }, 0);
      for (const { name } of stages) metrics.blocked.set({ partition, stage: name }, 0);
    } else if (sinceMs !== undefined && this.probes === 1) metrics.settling.set({ partition }, sinceMs / 1_000);
  }
}
