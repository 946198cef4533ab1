/** How long the steps of a topology take: a transaction can be committed between two of them, not within one. */
import { PerformanceObserver } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Topology } from '../../lib/streams/index.ts';

export interface StepTimes {
  steps: number;
  /** Everything between the beginnings and ends of measurements, without what was excluded. */
  cpuMs: number;
  wallMs: number;
  /** The longest time from the end of a step to the end of the next one, without pauses of the garbage collector. */
  longestMs: number;
  /** The longest pause of the garbage collector. */
  longestPauseMs: number;
}

interface Interval {
  startMs: number;
  endMs: number;
}

/** Shorter ones are counted as they are, pauses included. */
const LONG_MS = 5;

interface Moment {
  cpuMs: number;
  wallMs: number;
}

function now(): Moment {
  const { user, system } = process.cpuUsage();
  return { cpuMs: (user + system) / 1_000, wallMs: performance.now() };
}

/** Times the steps of the topology that it wraps, while it measures. */
export class StepTimer {
  private times: StepTimes | undefined;
  private long: Interval[] = [];
  private last: Moment = now();

  wrap<I>(topology: Topology<I>): Topology<I> {
    const { onDue } = topology;
    return {
      ...topology,
      process: (record, context) => {
        topology.process(record, context);
        this.endStep();
      },
      ...(onDue === undefined
        ? {}
        : {
            onDue: (key, context) => {
              onDue(key, context);
              this.endStep();
            },
          }),
    };
  }

  /** Times the work; it does not nest. */
  async measure(work: () => void): Promise<StepTimes> {
    const times = { steps: 0, cpuMs: 0, wallMs: 0, longestMs: 0, longestPauseMs: 0 };
    const pauses: Interval[] = [];
    const observer = new PerformanceObserver((list) => {
      for (const { startTime, duration } of list.getEntries())
        pauses.push({ startMs: startTime, endMs: startTime + duration });
    });
    observer.observe({ entryTypes: ['gc'] });
    this.times = times;
    this.long = [];
    this.last = now();
    work();
    this.add();
    this.times = undefined;
    // Pauses are reported in later turns of the event loop.
    await sleep(50);
    observer.disconnect();
    for (const step of this.long) times.longestMs = Math.max(times.longestMs, lengthWithout(step, pauses));
    for (const { startMs, endMs } of pauses) times.longestPauseMs = Math.max(times.longestPauseMs, endMs - startMs);
    return times;
  }

  /** Leaves out what a measurement does itself. */
  exclude(work: () => void): void {
    this.add();
    work();
    this.last = now();
  }

  private endStep(): void {
    const { times } = this;
    if (times === undefined) return;
    const { wallMs } = this.add();
    times.steps++;
    if (wallMs < LONG_MS) times.longestMs = Math.max(times.longestMs, wallMs);
    else this.long.push({ startMs: this.last.wallMs - wallMs, endMs: this.last.wallMs });
  }

  /** Adds the time since the last moment, and returns it. */
  private add(): Moment {
    const moment = now();
    const spent = { cpuMs: moment.cpuMs - this.last.cpuMs, wallMs: moment.wallMs - this.last.wallMs };
    this.last = moment;
    if (this.times !== undefined) {
      this.times.cpuMs += spent.cpuMs;
      this.times.wallMs += spent.wallMs;
    }
    return spent;
  }
}

/** The length of an interval without what others cover of it. */
function lengthWithout({ startMs, endMs }: Interval, others: readonly Interval[]): number {
  const covered = others.reduce(
    (sum, other) => sum + Math.max(0, Math.min(endMs, other.endMs) - Math.max(startMs, other.startMs)),
    0,
  );
  return endMs - startMs - covered;
}
