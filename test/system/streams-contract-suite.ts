import { describe, expect, it } from 'vitest';
import type { TestEvent, TestState } from '../../lib/streams/testing.ts';

/** One partition of the test topology, in memory or on a real Kafka. */
export interface ContractHarness {
  pipe(key: string, event: TestEvent): Promise<void>;
  /** Everything emitted so far, as `key` and the parsed value. */
  outputs(): Promise<{ key: string; value: Record<string, unknown> }[]>;
  state(): Promise<Map<string, TestState>>;
  /** Stops and starts again from what was saved. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

const count = (at: number, due?: number | null): TestEvent => ({
  at,
  op: 'count',
  ...(due === undefined ? {} : { due }),
});
const tick = (at: number): TestEvent => ({ at, op: 'tick' });

/** What a topology may rely on in every runtime. */
export function contractSuite(what: string, start: () => Promise<ContractHarness>): void {
  const scenario = (name: string, run: (harness: ContractHarness) => Promise<void>): void => {
    it(name, async () => {
      const harness = await start();
      try {
        await run(harness);
      } finally {
        await harness.close();
      }
    });
  };
  const said = async (harness: ContractHarness): Promise<string[]> =>
    (await harness.outputs()).map(({ key, value: v }) => {
      const what = v['op'] === 'due' ? `due ${String(v['due'])}` : `${String(v['op'])} ${String(v['count'])}`;
      return `${key}: ${what} @${String(v['log_time'])}`;
    });

  describe(`a topology on ${what}`, () => {
    scenario('keeps state by key and emits in the order of its input', async (h) => {
      for (const [key, at] of [
        ['a', 1],
        ['b', 2],
        ['a', 3],
      ] as const) {
        await h.pipe(key, count(at));
      }
      expect(await said(h)).toEqual(['a: count 1 @1', 'b: count 1 @2', 'a: count 2 @3']);
      expect((await h.state()).get('a')).toEqual({ count: 2, due: null });
    });

    scenario('has a clock that never goes back', async (h) => {
      await h.pipe('a', count(10));
      await h.pipe('a', count(4));
      expect(await said(h)).toEqual(['a: count 1 @10', 'a: count 2 @10']);
    });

    scenario('fires what is due by time, then key, before the record that moved the clock, once', async (h) => {
      await h.pipe('c', count(1, 20));
      await h.pipe('b', count(1, 20));
      await h.pipe('a', count(1, 30));
      await h.pipe('z', count(1, 10));
      await h.pipe('y', count(31));
      await h.pipe('y', count(50));
      expect((await said(h)).slice(4)).toEqual([
        'z: due 10 @31',
        'b: due 20 @31',
        'c: due 20 @31',
        'a: due 30 @31',
        'y: count 1 @31',
        'y: count 2 @50',
      ]);
    });

    scenario('fires nothing before the clock is past the time', async (h) => {
      await h.pipe('a', count(1, 20));
      await h.pipe('', tick(20));
      expect(await said(h)).toHaveLength(1);
      await h.pipe('', tick(21));
      expect((await said(h)).slice(1)).toEqual(['a: due 20 @21']);
    });

    scenario('goes by the latest due time of a key', async (h) => {
      await h.pipe('a', count(1, 20));
      await h.pipe('b', count(1, 20));
      await h.pipe('c', count(1, 20));
      await h.pipe('a', count(2, 60));
      await h.pipe('b', count(2, null));
      await h.pipe('c', { at: 2, op: 'drop' });
      await h.pipe('', tick(40));
      expect(await said(h)).toHaveLength(6);
      await h.pipe('', tick(61));
      expect((await said(h)).slice(6)).toEqual(['a: due 60 @61']);
    });

    scenario('forgets what is deleted', async (h) => {
      await h.pipe('a', count(1));
      await h.pipe('a', { at: 2, op: 'drop' });
      expect(await h.state()).toEqual(new Map());
      await h.pipe('a', count(3));
      expect((await said(h)).at(-1)).toBe('a: count 1 @3');
    });

    scenario('goes on after a restart as if nothing had happened', async (h) => {
      await h.pipe('a', count(5, 20));
      await h.pipe('b', count(6));
      await h.pipe('b', { at: 7, op: 'drop' });
      await h.restart();
      expect(await h.state()).toEqual(new Map([['a', { count: 1, due: 20 }]]));
      await h.pipe('a', count(2));
      await h.restart();
      await h.pipe('', tick(21));
      expect((await said(h)).slice(3)).toEqual(['a: count 2 @7', 'a: due 20 @21']);
    });

    scenario('works off very many deadlines at once, in order', async (h) => {
      const keys = Array.from({ length: 6_000 }, (_, i) => `k${String(i).padStart(4, '0')}`);
      await Promise.all(keys.map((key, i) => h.pipe(key, count(1, 100 + (i % 7)))));
      await h.pipe('last', count(1_000));
      const fired = (await h.outputs()).slice(keys.length);
      const expected = keys
        .map((key, i) => ({ key, due: 100 + (i % 7) }))
        .sort((a, b) => a.due - b.due || (a.key < b.key ? -1 : 1));
      expect(fired.slice(0, -1).map(({ key, value }) => ({ key, due: value['due'] }))).toEqual(expected);
      expect(fired.at(-1)?.key).toBe('last');
      expect(new Set(fired.map(({ value }) => value['log_time']))).toEqual(new Set([1_000]));
    });
  });
}
