import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { Ticker, type TickerView } from './ticker.ts';

const START = 1_760_000_000_000;

let sent: number[];
let ticker: Ticker;
let view: TickerView;

let clock: ManualClock;
function set(change: Partial<TickerView>): void {
  view = { ...view, ...change };
  ticker.update(view);
}
/** The tick comes back as a record and takes the log's clock to `logTimeMs`. */
function seen(logTimeMs: number, earliestDueMs?: number): void {
  ticker.recordSeen();
  set({ logTimeMs, earliestDueMs });
}

beforeEach(() => {
  clock = new ManualClock(START);
  sent = [];
  view = { earliestDueMs: undefined, logTimeMs: START, caughtUp: true };
  ticker = new Ticker({
    clock,
    send: (nowMs) => {
      sent.push(nowMs - START);
      return Promise.resolve();
    },
    onError: () => undefined,
  });
});

afterEach(() => {
  ticker.close();
});

describe('Ticker', () => {
  it('ticks once, just after the deadline', async () => {
    set({ earliestDueMs: START + 500 });
    await clock.advance(500);
    expect(sent).toEqual([]);
    await clock.advance(5_000);
    expect(sent).toEqual([501]);
  });

  it('waits until the task has caught up', async () => {
    set({ earliestDueMs: START + 500, caughtUp: false });
    await clock.advance(2_000);
    expect(sent).toEqual([]);
    set({ caughtUp: true });
    await clock.advance(1);
    expect(sent).toEqual([2_000]);
  });

  it('does not tick for a deadline that a record has passed', async () => {
    set({ earliestDueMs: START + 500 });
    await clock.advance(499);
    set({ earliestDueMs: undefined, logTimeMs: START + 510 });
    await clock.advance(5_000);
    expect(sent).toEqual([]);
  });

  it('ticks at most ten times a second, without slowing down while the clock follows', async () => {
    set({ earliestDueMs: START + 10 });
    for (let ms = 0; ms < 1_000; ms++) {
      await clock.advance(1);
      const last = sent.at(-1);
      if (last === ms + 1) seen(clock.wallMs(), clock.wallMs() + 5);
    }
    expect(sent.length).toBeGreaterThanOrEqual(9);
    expect(sent.length).toBeLessThanOrEqual(10);
  });

  it('backs off while the clock does not reach the deadline, and is quick again for the next', async () => {
    set({ earliestDueMs: START + 10 });
    for (let ms = 0; ms < 60_000; ms++) {
      await clock.advance(1);
      if (sent.at(-1) === ms + 1) seen(START, START + 10);
    }
    const gaps = sent.slice(1).map((at, i) => at - sent[i]!);
    expect(gaps.slice(0, 5)).toEqual([200, 400, 800, 1_600, 3_200]);
    expect(Math.max(...gaps)).toBeLessThanOrEqual(30_000);
    seen(clock.wallMs(), clock.wallMs() + 1_000);
    const before = sent.length;
    await clock.advance(1_500);
    expect(sent.length).toBe(before + 1);
  });
});
