import type { Clock } from '../clock/index.ts';
import { AbandonedError, type Passed } from './watcher.ts';

/** What a probe waits for in one stage. */
export interface Step {
  stage: string;
  /** Resolves once the stage has passed what is in its topic now. Rejects with AbandonedError. */
  pass(signal: AbortSignal): Promise<Passed>;
}

export interface TrackerOptions {
  /** The stages in the order in which an event passes them. */
  steps: readonly Step[];
  clock: Clock;
  logger: { warn(fields: object, message: string): void };
}

/** A result younger than this is returned without a new probe. */
const RECENT_MS = 250;
/** Probes continue for this long after the last call, so that the next call finds a recent result. */
const INTEREST_MS = 3_000;
/** Open probes are cancelled this long after the last call, because a stage may never recover. */
const PROBE_TIMEOUT_MS = 60_000;
const PAUSE_MS = 100;
/** Under lag several probes are open at once, so that freshness advances every second and not once per lag. */
const OPEN_PROBES_MAX = 10;
const LAGGING_INTERVAL_MS = 1_000;
/** The wall clock counts as set back when it loses more than this against the elapsed time. */
const SET_BACK_MS = 20;

/** The freshness of one part of the pipeline: see Freshness. */
export class FreshnessTracker {
  /** For each stage: Unix ms up to which it has passed everything, by the latest probes. */
  readonly passedMs = new Map<string, number>();
  private freshThroughMs: number | null = null;
  /** When the latest successful probe began, by `elapsedMs`, as are the next two. */
  private provenAtMs = -Infinity;
  private askedAtMs = -Infinity;
  private startedAtMs = -Infinity;
  private running = false;
  private stopped = false;
  /** Wall clock minus elapsed time, at the last check. */
  private wallAheadMs = -Infinity;
  /** Incremented when the wall clock is set back: proofs made before are void then. */
  private era = 0;
  private readonly openProbes = new Set<Promise<void>>();
  private readonly listeners = new Set<() => void>();
  /** Aborted when nobody asks any more. */
  private interest = new AbortController();

  constructor(private readonly options: TrackerOptions) {}

  /**
   * Everything before this time is in every count that begins after the call. Unix ms; null before the first successful
   * probe. Waits up to `waitMs` for a new probe when the last result is old.
   */
  async current(waitMs: number): Promise<number | null> {
    this.checkWallClock();
    const calledAtMs = this.elapsedMs();
    this.askedAtMs = calledAtMs;
    if (calledAtMs - this.provenAtMs <= RECENT_MS) {
      this.keepProbing();
      return this.freshThroughMs;
    }
    const proven = this.provenSince(calledAtMs, waitMs);
    this.keepProbing();
    if (this.openProbes.size < OPEN_PROBES_MAX) this.probe();
    await proven;
    return this.freshThroughMs;
  }

  stop(): void {
    this.stopped = true;
    this.interest.abort();
  }

  /** After the wall clock was set back, times up to the old one occur a second time: none of them is proven yet. */
  private checkWallClock(): void {
    const wallAheadMs = this.wallMs() - this.elapsedMs();
    if (wallAheadMs < this.wallAheadMs - SET_BACK_MS) {
      this.era += 1;
      this.freshThroughMs = null;
      this.provenAtMs = -Infinity;
      this.passedMs.clear();
    }
    this.wallAheadMs = wallAheadMs;
  }

  /** Resolves once a probe that began at `sinceMs` or later has succeeded, at the latest after `waitMs`. */
  private async provenSince(sinceMs: number, waitMs: number): Promise<void> {
    const proven = new AbortController();
    const check = (): void => {
      if (this.provenAtMs >= sinceMs) proven.abort();
    };
    this.listeners.add(check);
    await this.options.clock.sleep(waitMs, proven.signal);
    this.listeners.delete(check);
  }

  private keepProbing(): void {
    if (this.running || this.stopped) return;
    this.running = true;
    void this.run();
  }

  private async run(): Promise<void> {
    for (;;) {
      const sinceAskedMs = this.elapsedMs() - this.askedAtMs;
      if (this.stopped || sinceAskedMs >= (this.openProbes.size > 0 ? PROBE_TIMEOUT_MS : INTEREST_MS)) break;
      const isDue = this.openProbes.size === 0 || this.elapsedMs() - this.startedAtMs >= LAGGING_INTERVAL_MS;
      if (sinceAskedMs < INTEREST_MS && isDue && this.openProbes.size < OPEN_PROBES_MAX) this.probe();
      await this.options.clock.sleep(PAUSE_MS);
    }
    this.interest.abort();
    this.interest = new AbortController();
    this.running = false;
  }

  private probe(): void {
    this.checkWallClock();
    this.startedAtMs = this.elapsedMs();
    const probe = this.follow(this.wallMs(), this.startedAtMs)
      .catch((error: unknown) => {
        if (!(error instanceof AbandonedError)) this.options.logger.warn({ err: error }, 'freshness probe failed');
      })
      .finally(() => this.openProbes.delete(probe));
    this.openProbes.add(probe);
  }

  /** One probe: `t0` is its start by the wall clock, `startedAtMs` the same by `elapsedMs`. */
  private async follow(t0: number, startedAtMs: number): Promise<void> {
    const { era } = this;
    const { signal } = this.interest;
    let freshThroughMs = t0;
    for (const { stage, pass } of this.options.steps) {
      const { earliestDueMs } = await pass(signal);
      if (earliestDueMs !== null) freshThroughMs = Math.min(freshThroughMs, earliestDueMs);
      this.checkWallClock();
      if (era !== this.era) return;
      this.passedMs.set(stage, Math.max(this.passedMs.get(stage) ?? 0, t0));
    }
    // A proof stays valid: a later probe that finds an older deadline does not move freshness back.
    this.freshThroughMs = Math.min(Math.max(this.freshThroughMs ?? -Infinity, freshThroughMs), this.wallMs());
    this.provenAtMs = Math.max(this.provenAtMs, startedAtMs);
    for (const listener of [...this.listeners]) listener();
  }

  private wallMs(): number {
    return this.options.clock.wallMs();
  }

  private elapsedMs(): number {
    return this.options.clock.elapsedMs();
  }
}
