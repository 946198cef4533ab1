import { describe, expect, it } from 'vitest';
import { Backoff } from './backoff.ts';
import { ManualClock } from './testing.ts';
import { Waker } from './waker.ts';
import { abortAfter, NoAnswerError, within } from './within.ts';

const never = new Promise<never>(() => undefined);

/** What became of a promise so far: its value, the error, or 'pending'. */
function watch<T>(promise: Promise<T>): () => unknown {
  let outcome: unknown = 'pending';
  promise.then(
    (value) => (outcome = value),
    (error: unknown) => (outcome = error),
  );
  return () => outcome;
}

describe('within', () => {
  it('gives the result of the work, or its error, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const failure = new Error('refused');
    await expect(within(Promise.resolve(7), 1_000, clock)).resolves.toBe(7);
    await expect(within(Promise.reject(failure), 1_000, clock)).rejects.toBe(failure);
    expect(clock.nextWakeMs).toBeNull();
  });

  it('throws NoAnswerError once the time has passed, and not before', async () => {
    const clock = new ManualClock();
    const outcome = watch(within(never, 1_000, clock));
    await clock.advance(999);
    expect(outcome()).toBe('pending');
    await clock.advance(1);
    expect(outcome()).toEqual(new NoAnswerError('no answer within 1000 ms'));
  });

  it('ignores what becomes of the work after its time', async () => {
    const clock = new ManualClock();
    let fail: (error: Error) => void = () => undefined;
    const work = new Promise<never>((_, reject) => (fail = reject));
    const outcome = watch(within(work, 1_000, clock));
    await clock.advance(1_000);
    fail(new Error('too late'));
    await clock.advance(0);
    expect(outcome()).toBeInstanceOf(NoAnswerError);
  });

  it('waits a millisecond for work whose deadline has passed already', async () => {
    const clock = new ManualClock();
    await expect(within(Promise.resolve('there'), -50, clock)).resolves.toBe('there');
    const outcome = watch(within(never, -50, clock));
    await clock.advance(1);
    expect(outcome()).toEqual(new NoAnswerError('no answer within 1 ms'));
  });
});

describe('abortAfter', () => {
  /** Ends when it is aborted, with the reason. */
  const untilAborted = (signal: AbortSignal): Promise<never> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  it('gives the result of the work, or its error, and leaves no timer behind', async () => {
    const clock = new ManualClock();
    const failure = new Error('refused');
    await expect(abortAfter(1_000, clock, () => Promise.resolve(7))).resolves.toBe(7);
    await expect(abortAfter(1_000, clock, () => Promise.reject(failure))).rejects.toBe(failure);
    expect(clock.nextWakeMs).toBeNull();
  });

  it('aborts the work once the time has passed, and not before', async () => {
    const clock = new ManualClock();
    const outcome = watch(abortAfter(1_000, clock, untilAborted));
    await clock.advance(999);
    expect(outcome()).toBe('pending');
    await clock.advance(1);
    expect(outcome()).toEqual(new NoAnswerError('no answer within 1000 ms'));
  });

  it('does not abort work that has finished: what it returned, such as the body of a response, stays usable', async () => {
    const clock = new ManualClock();
    const signal = await abortAfter(1_000, clock, (given) => Promise.resolve(given));
    await clock.advance(1_000);
    expect(signal.aborted).toBe(false);
  });
});

describe('Waker', () => {
  it('ends every sleep under way, and no later one', async () => {
    const clock = new ManualClock();
    const waker = new Waker(clock);
    const [first, second] = [watch(waker.sleep(100)), watch(waker.sleep(200))];
    waker.wake();
    await clock.advance(0);
    expect([first(), second(), clock.nextWakeMs]).toEqual([undefined, undefined, null]);
    const third = watch(waker.sleep(300));
    await clock.advance(299);
    expect(third()).toBe('pending');
    await clock.advance(1);
    expect(third()).toBeUndefined();
  });

  it('still ends a sleep after an earlier one ended by itself', async () => {
    const clock = new ManualClock();
    const waker = new Waker(clock);
    void waker.sleep(10);
    await clock.advance(10);
    const later = watch(waker.sleep(1_000));
    waker.wake();
    await clock.advance(0);
    expect(later()).toBeUndefined();
  });
});

describe('Backoff', () => {
  it('doubles from the first pause up to the longest, and starts again after a reset', () => {
    const backoff = new Backoff({ firstMs: 100, maxMs: 1_000 });
    const pauses = (count: number): number[] => Array.from({ length: count }, () => backoff.nextMs());
    expect(pauses(6)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
    backoff.reset();
    expect(pauses(2)).toEqual([100, 200]);
  });

  it('with full jitter draws each pause between 0 and its full length, which grows alike', () => {
    const draws = [0, 0.5, 0.25, 0.999];
    const backoff = new Backoff({ firstMs: 100, maxMs: 300, random: () => draws.shift() ?? 0 });
    expect(Array.from({ length: 4 }, () => backoff.nextMs())).toEqual([0, 100, 75, 299.7]);
  });
});
