import { describe, expect, it } from 'vitest';
import { ImportRate } from './import-rate.ts';

const TARGET_MS = 500;

/** The rate after so many measurements with a delay. */
function after(rate: ImportRate, times: number, delayMs: number, isLimiting = true): number {
  for (let i = 0; i < times; i++) rate.measured(delayMs, isLimiting);
  return rate.perSecond;
}

describe('the rate of imports', () => {
  it('grows fast until the delay first exceeds its target, and then slowly', () => {
    const rate = new ImportRate(TARGET_MS);
    const start = rate.perSecond;
    expect(after(rate, 10, 0)).toBeGreaterThan(20 * start);
    const high = rate.perSecond;
    expect(after(rate, 1, 600)).toBeLessThan(high);
    const reduced = rate.perSecond;
    expect(after(rate, 10, 0)).toBeGreaterThan(reduced);
    expect(rate.perSecond).toBeLessThan(2 * reduced);
  });

  it('falls while the delay is above its target, to the minimum at twice the target at once', () => {
    const rate = new ImportRate(TARGET_MS);
    after(rate, 10, 0);
    const high = rate.perSecond;
    const reduced = after(rate, 20, 750);
    expect(reduced).toBeLessThan(high / 2);
    expect(after(rate, 1, 1_000)).toBe(50);
    // It continues where it was, not from the minimum.
    expect(after(rate, 1, 400)).toBeGreaterThan(reduced);
  });

  it('does not grow while imports do not use it, and ends nowhere below its minimum', () => {
    const rate = new ImportRate(TARGET_MS);
    const start = rate.perSecond;
    expect(after(rate, 100, 0, false)).toBe(start);
    expect(after(rate, 1_000, 900)).toBe(50);
  });

  /** What is sent faster than the stages process waits for them, and the delay is measured late. */
  it.each([2, 5])(
    'settles at what the stages process, near the target, when it learns of it %i measurements late',
    (late) => {
      const CAPACITY = 4_000;
      const rate = new ImportRate(TARGET_MS);
      let queued = 0;
      let sent = 0;
      const delays: number[] = [];
      for (let tick = 0; tick < 3_000; tick++) {
        // The stages are faster at one time than at another.
        const processed = CAPACITY * (1 + 0.4 * Math.sin(tick / 7));
        queued = Math.max(0, queued + (rate.perSecond - processed) / 10);
        sent += rate.perSecond / 10;
        delays.push((queued / CAPACITY) * 1_000);
        rate.measured(delays.at(-1 - late) ?? 0, true);
      }
      expect(sent / 300).toBeGreaterThan(0.9 * CAPACITY);
      const settled = delays.slice(300).sort((a, b) => a - b);
      expect(settled[settled.length >> 1]).toBeLessThan(1.2 * TARGET_MS);
      expect(settled.at(-1)).toBeLessThan(2 * TARGET_MS);
    },
  );
});
