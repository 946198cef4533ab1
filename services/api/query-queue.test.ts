import fc from 'fast-check';
import { setImmediate as nextTick } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { QueryQueue, type QueryQueueOptions } from './query-queue.ts';

const queueOf = (runningMax: number, options: Partial<QueryQueueOptions> = {}): QueryQueue =>
  new QueryQueue({
    clock: new ManualClock(),
    runningMax,
    runningPerWorkspaceMax: runningMax,
    waitingMax: 100,
    waitMaxMs: 60_000,
    ...options,
  });

/** Queries that a test ends, in the order in which they began. */
function stage() {
  const began: string[] = [];
  const ends: (() => void)[] = [];
  const work = (name: string) => (): Promise<string> => {
    began.push(name);
    return new Promise((resolve) => ends.push(() => resolve(name)));
  };
  const endOne = async (): Promise<void> => {
    ends.shift()?.();
    await nextTick();
  };
  return { began, work, endOne };
}

describe('the query queue', () => {
  it('serves workspaces round robin, however many queries one has', async () => {
    const { began, work, endOne } = stage();
    const queue = queueOf(2);
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2', 'a5']) void queue.run(name[0]!, work(name));
    await nextTick();
    expect(began).toEqual(['a1', 'a2']);
    for (let i = 0; i < 8; i++) await endOne();
    expect(began).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']);
  });

  it('passes on what a query returns or throws, and starts the next one either way', async () => {
    const queue = queueOf(1);
    const failing = queue.run('a', () => Promise.reject(new Error('no')));
    const second = queue.run('a', () => Promise.resolve(2));
    await expect(failing).rejects.toThrow('no');
    expect(await second).toBe(2);
  });

  it('drops queries that are aborted while they wait, and those that are aborted before', async () => {
    const { began, work, endOne } = stage();
    const queue = queueOf(1);
    const going = new AbortController();
    void queue.run('a', work('a1'));
    const left = queue.run('a', work('a2'), going.signal);
    void queue.run('b', work('b1'), going.signal).catch(() => undefined);
    void queue.run('a', work('a3'));
    going.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(queue.run('a', work('a4'), going.signal)).rejects.toThrow('gone');
    for (let i = 0; i < 3; i++) await endOne();
    expect(began).toEqual(['a1', 'a3']);
  });

  it('refuses queries beyond the limit of one workspace, and marks one in ten seconds for the log', async () => {
    const { work, endOne } = stage();
    const clock = new ManualClock();
    const queue = queueOf(1, { clock, waitingMax: 1 });
    void queue.run('a', work('a1'));
    void queue.run('a', work('a2'));
    const refused = { name: 'QueryQueueError', workspace: 'a' };
    await expect(queue.run('a', work('a3'))).rejects.toMatchObject({ ...refused, shouldLog: true });
    await expect(queue.run('a', work('a3'))).rejects.toMatchObject({ ...refused, shouldLog: false });
    await clock.advance(10_000);
    await expect(queue.run('a', work('a3'))).rejects.toMatchObject({ ...refused, shouldLog: true });
    void queue.run('b', work('b1'));
    await endOne();
    void queue.run('a', work('a4'));
    for (let i = 0; i < 3; i++) await endOne();
    await expect(queue.run('a', () => Promise.resolve('free'))).resolves.toBe('free');
  });

  it('keeps room for other workspaces while one is at its limit', async () => {
    const { began, work, endOne } = stage();
    const queue = queueOf(3, { runningPerWorkspaceMax: 2 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2']) void queue.run(name[0]!, work(name));
    await nextTick();
    expect(began).toEqual(['a1', 'a2', 'b1']);
    for (let i = 0; i < 6; i++) await endOne();
    expect(began).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  it('refuses a query that has waited too long; the running one still counts', async () => {
    const { began, work, endOne } = stage();
    const clock = new ManualClock();
    const queue = queueOf(1, { clock, waitMaxMs: 20 });
    void queue.run('a', work('a1'));
    const late = expect(queue.run('a', work('a2'))).rejects.toThrow('has waited for 20 ms');
    await clock.advance(20);
    await late;
    const next = queue.run('b', work('b1'));
    await endOne();
    await clock.advance(40);
    await endOne();
    expect(await next).toBe('b1');
    expect(began).toEqual(['a1', 'b1']);
  });

  it('never exceeds its limits and runs every query, whatever comes and goes', async () => {
    const step = fc.oneof(
      fc.record({ ask: fc.constantFrom('a', 'b', 'c'), leaves: fc.boolean() }),
      fc.constant('end' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (max, steps) => {
        const perWorkspaceMax = Math.max(1, max - 1);
        const queue = queueOf(max, { runningPerWorkspaceMax: perWorkspaceMax });
        let running = 0;
        const runningOf = { a: 0, b: 0, c: 0 };
        const ends: (() => void)[] = [];
        const asked: Promise<unknown>[] = [];
        for (const one of steps) {
          if (one === 'end') ends.shift()?.();
          else {
            const going = new AbortController();
            const work = async (): Promise<void> => {
              expect(++running).toBeLessThanOrEqual(max);
              expect(++runningOf[one.ask]).toBeLessThanOrEqual(perWorkspaceMax);
              await new Promise<void>((resolve) => ends.push(resolve));
              running--;
              runningOf[one.ask]--;
            };
            asked.push(queue.run(one.ask, work, going.signal).catch((error: unknown) => expect(error).toBe('gone')));
            if (one.leaves) going.abort('gone');
          }
          await nextTick();
        }
        const all = Promise.all(asked);
        for (let done = false; !done;) {
          ends.shift()?.();
          done = await Promise.race([all.then(() => true), nextTick(false)]);
        }
        expect(running).toBe(0);
        expect(await queue.run('a', () => Promise.resolve(1))).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});
