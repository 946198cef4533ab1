import fc from 'fast-check';
import { setImmediate as nextTick, setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { QueryQueue, type QueryQueueOptions } from './query-queue.ts';

const turnsOf = (runningMax: number, options: Partial<QueryQueueOptions> = {}): QueryQueue =>
  new QueryQueue({ runningMax, runningOfOneMax: runningMax, waitingMax: 100, waitMaxMs: 60_000, ...options });

/** Work that ends when it is told to, in the order in which it began. */
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

describe('turns', () => {
  it('go to each workspace in its order, however many one asks for', async () => {
    const { began, work, endOne } = stage();
    const turns = turnsOf(2);
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'c1', 'b2', 'a5']) void turns.run(name[0]!, work(name));
    await nextTick();
    expect(began).toEqual(['a1', 'a2']);
    for (let i = 0; i < 8; i++) await endOne();
    expect(began).toEqual(['a1', 'a2', 'a3', 'b1', 'c1', 'a4', 'b2', 'a5']);
  });

  it('pass on what work answers and throws, and the place either way', async () => {
    const turns = turnsOf(1);
    const failing = turns.run('a', () => Promise.reject(new Error('no')));
    const second = turns.run('a', () => Promise.resolve(2));
    await expect(failing).rejects.toThrow('no');
    expect(await second).toBe(2);
  });

  it('leave out who went away while waiting, and refuse who comes gone', async () => {
    const { began, work, endOne } = stage();
    const turns = turnsOf(1);
    const going = new AbortController();
    void turns.run('a', work('a1'));
    const left = turns.run('a', work('a2'), going.signal);
    void turns.run('b', work('b1'), going.signal).catch(() => undefined);
    void turns.run('a', work('a3'));
    going.abort(new Error('gone'));
    await expect(left).rejects.toThrow('gone');
    await expect(turns.run('a', work('a4'), going.signal)).rejects.toThrow('gone');
    for (let i = 0; i < 3; i++) await endOne();
    expect(began).toEqual(['a1', 'a3']);
  });

  it('are not kept for more than may wait of one workspace', async () => {
    const { work, endOne } = stage();
    const turns = turnsOf(1, { waitingMax: 1 });
    void turns.run('a', work('a1'));
    void turns.run('a', work('a2'));
    const refused = { name: 'QueryQueueError', workspace: 'a' };
    await expect(turns.run('a', work('a3'))).rejects.toMatchObject({ ...refused, isNews: true });
    await expect(turns.run('a', work('a3'))).rejects.toMatchObject({ ...refused, isNews: false });
    void turns.run('b', work('b1'));
    await endOne();
    void turns.run('a', work('a4'));
    for (let i = 0; i < 3; i++) await endOne();
    await expect(turns.run('a', () => Promise.resolve('free'))).resolves.toBe('free');
  });

  it('leave places to others while one workspace has all that it may have', async () => {
    const { began, work, endOne } = stage();
    const turns = turnsOf(3, { runningOfOneMax: 2 });
    for (const name of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2']) void turns.run(name[0]!, work(name));
    await nextTick();
    expect(began).toEqual(['a1', 'a2', 'b1']);
    for (let i = 0; i < 6; i++) await endOne();
    expect(began).toEqual(['a1', 'a2', 'b1', 'a3', 'b2', 'a4']);
  });

  it('end waiting after its time, and what ran on keeps its place', async () => {
    const { began, work, endOne } = stage();
    const turns = turnsOf(1, { waitMaxMs: 20 });
    void turns.run('a', work('a1'));
    await expect(turns.run('a', work('a2'))).rejects.toThrow('no turn within 20 ms');
    const next = turns.run('b', work('b1'));
    await endOne();
    await delay(40);
    await endOne();
    expect(await next).toBe('b1');
    expect(began).toEqual(['a1', 'b1']);
  });

  it('never are more than may run, and all come, whatever comes and goes', async () => {
    const step = fc.oneof(
      fc.record({ ask: fc.constantFrom('a', 'b', 'c'), leaves: fc.boolean() }),
      fc.constant('end' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 3 }), fc.array(step, { maxLength: 40 }), async (max, steps) => {
        const ofOneMax = Math.max(1, max - 1);
        const turns = turnsOf(max, { runningOfOneMax: ofOneMax });
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
              expect(++runningOf[one.ask]).toBeLessThanOrEqual(ofOneMax);
              await new Promise<void>((resolve) => ends.push(resolve));
              running--;
              runningOf[one.ask]--;
            };
            asked.push(turns.run(one.ask, work, going.signal).catch((error: unknown) => expect(error).toBe('left')));
            if (one.leaves) going.abort('left');
          }
          await nextTick();
        }
        const all = Promise.all(asked);
        for (let done = false; !done;) {
          ends.shift()?.();
          done = await Promise.race([all.then(() => true), nextTick(false)]);
        }
        expect(running).toBe(0);
        expect(await turns.run('a', () => Promise.resolve(1))).toBe(1);
      }),
      { numRuns: 200 },
    );
  });
});
