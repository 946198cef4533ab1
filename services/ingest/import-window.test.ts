import { describe, expect, it } from 'vitest';
import { ImportWindow } from './import-window.ts';

const TARGET_MS = 500;
const MEASURE_EVERY_MS = 100;

/** Sends whatever the window allows before each of `times` measurements with this delay; returns the time after them. */
function after(window: ImportWindow, times: number, delayMs: number, fromMs = 0, isLimiting = true): number {
  for (let i = 1; i <= times; i++) {
    if (window.free > 0) window.take(window.free);
    window.measured(fromMs + i * MEASURE_EVERY_MS, delayMs, isLimiting);
  }
  return fromMs + times * MEASURE_EVERY_MS;
}

describe('the window of imports', () => {
  it('has room for what the stages have processed', () => {
    const window = new ImportWindow(TARGET_MS);
    window.take(window.free);
    expect(window.free).toBe(0);
    window.measured(100, 100, true);
    expect(window.free).toBe(0);
    window.measured(200, 0, true);
    expect(window.free).toBe(window.size);
  });

  it('counts as processed what was sent before the oldest unprocessed record', () => {
    const window = new ImportWindow(TARGET_MS);
    for (let second = 1; second <= 4; second++) {
      window.take(100);
      window.measured(second * 100, 10_000, false);
    }
    const full = window.free;
    window.measured(500, 250, false);
    expect(window.free - full).toBeGreaterThanOrEqual(200 - 1);
    expect(window.size - window.free).toBe(200);
  });

  it('grows while the delay is below its target, and becomes smaller above it', () => {
    const window = new ImportWindow(TARGET_MS);
    const first = window.size;
    let ms = after(window, 20, 100);
    const high = window.size;
    expect(high).toBeGreaterThan(4 * first);
    ms = after(window, 20, TARGET_MS, ms);
    // The mean of the first adjustment includes measurements from before.
    expect(window.size).toBeLessThan(2 * high);
    const settled = window.size;
    after(window, 30, 3 * TARGET_MS, ms);
    expect(window.size).toBeLessThan(0.8 * settled);
  });

  it('does not grow while imports do not use it', () => {
    const window = new ImportWindow(TARGET_MS);
    const first = window.size;
    after(window, 100, 0, 0, false);
    expect(window.size).toBe(first);
  });

  it('keeps its size within limits, however short or long the delay', () => {
    const window = new ImportWindow(TARGET_MS);
    const ms = after(window, 1_000, 0);
    expect(window.size).toBe(1_000_000);
    after(window, 5_000, 60_000, ms);
    expect(window.size).toBe(100);
  });
});

/** Stages in a row that process in batches; each is seen as `StageDelay` sees it, every 100 ms. */
class Stages {
  private readonly queues;
  private readonly periodMs = [50, 50, 100];

  constructor(private readonly capacityPerSecond: (ms: number) => number) {
    this.queues = this.periodMs.map(() => ({ end: 0, position: 0, ends: [] as { end: number; atMs: number }[] }));
  }

  get processed(): number {
    return this.queues.at(-1)!.position;
  }

  send(records: number): void {
    this.queues[0]!.end += records;
  }

  advance(ms: number): void {
    for (const [i, queue] of this.queues.entries()) {
      if (ms % this.periodMs[i]! !== 0) continue;
      const most = (this.capacityPerSecond(ms) * this.periodMs[i]!) / 1_000;
      const records = Math.min(queue.end - queue.position, most);
      queue.position += records;
      const next = this.queues[i + 1];
      if (next) next.end += records;
    }
  }

  delayMs(nowMs: number): number {
    let sumMs = 0;
    for (const queue of this.queues) {
      if (queue.end > (queue.ends.at(-1)?.end ?? 0)) queue.ends.push({ end: queue.end, atMs: nowMs });
      queue.ends = queue.ends.filter(({ end }) => end > queue.position + 1e-6);
      sumMs += nowMs - (queue.ends[0]?.atMs ?? nowMs);
    }
    return sumMs;
  }
}

/** What an import that never ends sends in batches of 250. */
function importFor(seconds: number, capacityPerSecond: (ms: number) => number) {
  const stages = new Stages(capacityPerSecond);
  const window = new ImportWindow(TARGET_MS);
  const delaysMs: number[] = [];
  const processed: number[] = [];
  for (let ms = 0; ms < seconds * 1_000; ms += 10) {
    stages.advance(ms);
    if (ms % MEASURE_EVERY_MS === 0) {
      delaysMs.push(stages.delayMs(ms));
      window.measured(ms, delaysMs.at(-1)!, window.free <= 0);
    }
    for (; window.free > 0; stages.send(250)) window.take(250);
    if (ms % 1_000 === 0) processed.push(stages.processed);
  }
  return { delaysMs, processed, perSecond: stages.processed / seconds };
}

const sorted = (values: number[]): number[] => values.toSorted((a, b) => a - b);

describe.each([1_000, 4_000, 12_000, 100_000])(
  'an import, with stages that process %i records per second',
  (capacity) => {
    it('is as fast as they are after 3 seconds, with the delay near its target', () => {
      const { delaysMs, processed, perSecond } = importFor(60, () => capacity);
      expect(processed[4]! - processed[3]!).toBeGreaterThan(0.9 * capacity);
      expect(perSecond).toBeGreaterThan(0.95 * capacity);
      const settled = sorted(delaysMs.slice(50));
      expect(settled[settled.length >> 1]).toBeLessThanOrEqual(1.2 * TARGET_MS);
      expect(settled.at(-1)).toBeLessThanOrEqual(2 * TARGET_MS);
    });

    it('follows a speed that changes all the time', () => {
      const { delaysMs, perSecond } = importFor(60, (ms) => capacity * (1 + 0.4 * Math.sin(ms / 700)));
      expect(perSecond).toBeGreaterThan(0.95 * capacity);
      const settled = sorted(delaysMs.slice(50));
      expect(settled[settled.length >> 1]).toBeLessThanOrEqual(1.5 * TARGET_MS);
    });

    it('is not slowed down by pauses of the stages after these have ended', () => {
      const isPaused = (ms: number): boolean => ms % 5_000 < 800;
      const { perSecond } = importFor(60, (ms) => (isPaused(ms) ? 0 : capacity));
      expect(perSecond).toBeGreaterThan(0.95 * capacity * (1 - 800 / 5_000));
    });
  },
);

it('an import slows down within seconds when the stages become ten times slower', () => {
  const { delaysMs } = importFor(60, (ms) => (ms < 20_000 ? 12_000 : 1_200));
  const settled = sorted(delaysMs.slice(300));
  expect(settled[settled.length >> 1]).toBeLessThanOrEqual(1.2 * TARGET_MS);
});
