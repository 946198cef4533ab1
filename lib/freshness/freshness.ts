import { setTimeout as sleep } from 'node:timers/promises';
import type { Kafka } from '../kafka/index.ts';
import { CHAIN, type Stage } from './stages.ts';
import { NobodyWaitsError, StageWatcher, type WatcherOptions } from './watcher.ts';

export interface FreshnessOptions extends WatcherOptions {
  kafka: Pick<Kafka, 'describeGroup' | 'endOffsets'>;
  logger: { warn(fields: object, message: string): void };
  /** The wall clock that answers are given by, Unix ms; waiting goes by the process's own. */
  now?: () => number;
  chain?: readonly Stage[];
}

/** An answer this young is given without a new probe. */
const RECENT_MS = 250;
/** How long a caller waits for a probe of its own. */
const WAIT_MS = 250;
/** Probing goes on for so long after the last question, so that the next answer is there already. */
const INTEREST_MS = 3_000;
/** What is under way is given up so long after the last question: a stage may be down for good. */
const PATIENCE_MS = 60_000;
const PAUSE_MS = 100;
/** Under lag several probes are on their way, so that freshness moves every second and not only once a lag. */
const UNDER_WAY_MAX = 10;
const LAGGING_INTERVAL_MS = 1_000;
/** The wall clock was set back when it lost so much against the process's own. */
const SET_BACK_MS = 20;

/**
 * How fresh the counts are, by the chain of offsets: at t0 the ends of the first topic are noted; once its
 * stage has passed them, the ends of the next; once the sink has passed the last, everything whose 2xx was
 * sent before t0 is counted, and every abandonment that was to be concluded before it, unless a deadline is
 * overdue: then before that. Nothing is written, and nothing is done while nobody asks.
 */
export class Freshness {
  readonly watchers: StageWatcher[];
  /** Unix ms up to which each stage has passed everything, by the latest probes. */
  readonly passedMs = new Map<string, number>();
  #freshThroughMs: number | null = null;
  /** When the latest probe that came through was begun; this and the next two by the process's own clock. */
  #provenAtMs = -Infinity;
  #askedAtMs = -Infinity;
  #startedAtMs = -Infinity;
  #running = false;
  #stopped = false;
  /** Wall clock less own clock, at the last look. */
  #wallAheadMs = -Infinity;
  /** Grows when the wall clock is set back: what was proven by it before says nothing any more. */
  #era = 0;
  readonly #underWay = new Set<Promise<void>>();
  #listeners = new Set<() => void>();

  constructor(readonly options: FreshnessOptions) {
    this.watchers = (options.chain ?? CHAIN).map((stage) => new StageWatcher(stage, options));
  }

  /**
   * Everything before this is in every count that is begun after the call; Unix ms, null before the first
   * proof. Waits a moment for a new one when the last is old.
   */
  async current(waitMs = WAIT_MS): Promise<number | null> {
    this.#lookAtClock();
    const calledAt = performance.now();
    this.#askedAtMs = calledAt;
    if (calledAt - this.#provenAtMs <= RECENT_MS) {
      this.#keepProbing();
      return this.#freshThroughMs;
    }
    const proven = this.#provenSince(calledAt, waitMs);
    this.#keepProbing();
    if (this.#underWay.size < UNDER_WAY_MAX) this.#probe();
    await proven;
    return this.#freshThroughMs;
  }

  stop(): void {
    this.#stopped = true;
    for (const watcher of this.watchers) watcher.abandon();
  }

  /** Moments after the present one will come once more: none of them may count as proven. */
  #lookAtClock(): void {
    const wallAheadMs = this.#now() - performance.now();
    if (wallAheadMs < this.#wallAheadMs - SET_BACK_MS) {
      this.#era += 1;
      this.#freshThroughMs = null;
      this.#provenAtMs = -Infinity;
      this.passedMs.clear();
    }
    this.#wallAheadMs = wallAheadMs;
  }

  #provenSince(t0: number, waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(check);
        resolve();
      };
      const check = (): void => {
        if (this.#provenAtMs >= t0) done();
      };
      const timer = setTimeout(done, waitMs);
      this.#listeners.add(check);
    });
  }

  #keepProbing(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    void this.#run();
  }

  async #run(): Promise<void> {
    for (;;) {
      const unaskedMs = performance.now() - this.#askedAtMs;
      if (this.#stopped || unaskedMs >= (this.#underWay.size > 0 ? PATIENCE_MS : INTEREST_MS)) break;
      const interest = unaskedMs < INTEREST_MS;
      const due = this.#underWay.size === 0 || performance.now() - this.#startedAtMs >= LAGGING_INTERVAL_MS;
      if (interest && due && this.#underWay.size < UNDER_WAY_MAX) this.#probe();
      await sleep(PAUSE_MS);
    }
    for (const watcher of this.watchers) watcher.abandon();
    this.#running = false;
  }

  #probe(): void {
    this.#lookAtClock();
    this.#startedAtMs = performance.now();
    const probe = this.#follow(this.#now(), this.#startedAtMs)
      .catch((error: unknown) => {
        if (!(error instanceof NobodyWaitsError)) this.options.logger.warn({ err: error }, 'a freshness probe failed');
      })
      .finally(() => this.#underWay.delete(probe));
    this.#underWay.add(probe);
  }

  /** `t0` by the wall clock, `startedAtMs` by the own one. */
  async #follow(t0: number, startedAtMs: number): Promise<void> {
    const era = this.#era;
    let freshThrough = t0;
    for (const { stage, pass } of this.watchers.map((w) => ({ stage: w.stage, pass: w.pass.bind(w) }))) {
      const { earliestDueMs } = await pass(await this.options.kafka.endOffsets(stage.topic));
      if (earliestDueMs !== null) freshThrough = Math.min(freshThrough, earliestDueMs);
      this.#lookAtClock();
      if (era !== this.#era) return;
      this.passedMs.set(stage.name, Math.max(this.passedMs.get(stage.name) ?? 0, t0));
    }
    // What was proven stays true: a later probe that finds an older deadline takes nothing back.
    this.#freshThroughMs = Math.min(Math.max(this.#freshThroughMs ?? -Infinity, freshThrough), this.#now());
    this.#provenAtMs = Math.max(this.#provenAtMs, startedAtMs);
    for (const listener of [...this.#listeners]) listener();
  }

  #now(): number {
    return (this.options.now ?? Date.now)();
  }
}
