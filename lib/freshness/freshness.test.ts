import { afterEach, describe, expect, it } from 'vitest';
import type { StagePosition } from '../telemetry/index.ts';
import { Freshness } from './freshness.ts';
import { CHAIN } from './stages.ts';

const TOPICS = CHAIN.map(({ topic }) => topic);

/** Three stages of two partitions each, one member a partition, whose offsets a test moves by hand. */
class FakeChain {
  ends = new Map<string, number[]>(TOPICS.map((topic) => [topic, [0, 0]]));
  positions = new Map<string, StagePosition>();
  owned = new Set<string>();
  questions = 0;

  constructor() {
    for (const { name, topic } of CHAIN) {
      for (const partition of [0, 1]) {
        const url = `http://${name}-${partition}`;
        this.owned.add(url);
        const state = 'running';
        const log = { logTimeMs: null, earliestDueMs: null, end: 0, state } as const;
        this.positions.set(url, { stage: name, topic, partition, position: 0, ...log });
      }
    }
  }

  set(url: string, change: Partial<StagePosition>): void {
    const position = this.positions.get(`http://${url}`);
    if (position) this.positions.set(`http://${url}`, { ...position, ...change });
  }

  freshness(now?: () => number): Freshness {
    return new Freshness({
      ...(now ? { now } : {}),
      kafka: {
        endOffsets: (topic) => Promise.resolve([...(this.ends.get(topic) ?? [])]),
        describeGroup: (groupId) =>
          Promise.resolve({
            state: 'Stable',
            members: [0, 1].flatMap((partition) => {
              const url = `http://${groupId}-${partition}`;
              return this.owned.has(url) ? [{ memberId: url, url, partitions: [partition] }] : [];
            }),
          }),
      },
      positionsOf: (url) => {
        this.questions += 1;
        const position = this.positions.get(url);
        return position ? Promise.resolve([position]) : Promise.reject(new Error('gone'));
      },
      logger: { warn: () => undefined },
    });
  }
}

let open: Freshness[] = [];
const start = (chain: FakeChain, now?: () => number): Freshness => {
  const freshness = chain.freshness(now);
  open.push(freshness);
  return freshness;
};
afterEach(() => {
  for (const freshness of open) freshness.stop();
  open = [];
});

describe('Freshness', () => {
  it('proves the moment of the question on an idle system, at once', async () => {
    const asked = Date.now();
    expect(await start(new FakeChain()).current()).toBeGreaterThanOrEqual(asked);
    expect(Date.now() - asked).toBeLessThan(100);
  });

  it('waits for every stage in turn, each up to the end that was there when the one before had passed', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    chain.ends.set('cart-events', [5, 0]);
    chain.ends.set('trait-events', [0, 7]);
    expect(await freshness.current(50)).toBeNull();
    chain.set('carts-0', { position: 5 });
    expect(await freshness.current(50)).toBeNull();
    chain.set('sink-1', { position: 6 });
    expect(await freshness.current(50)).toBeNull();
    const asked = Date.now();
    chain.set('sink-1', { position: 7 });
    expect(await freshness.current(1000)).toBeGreaterThanOrEqual(asked);
  });

  it('is not ahead of an overdue deadline, and knows no deadline from one that restores', async () => {
    const chain = new FakeChain();
    chain.set('carts-1', { earliestDueMs: 1_000 });
    expect(await start(chain).current()).toBe(1_000);
    chain.set('carts-1', { earliestDueMs: null, state: 'restoring' });
    expect(await start(chain).current(50)).toBeNull();
    chain.set('carts-1', { earliestDueMs: Date.now() + 60_000, state: 'running' });
    expect(await start(chain).current()).toBeGreaterThan(1_000);
  });

  it('does not advance while a partition has no owner, and finds the new one', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    chain.owned.delete('http://people-0');
    expect(await freshness.current(50)).toBeNull();
    chain.owned.add('http://people-0');
    expect(await freshness.current(3_000)).not.toBeNull();
  });

  it('takes nothing back that was proven', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    const first = await freshness.current();
    chain.set('carts-0', { earliestDueMs: 1_000 });
    await new Promise((resolve) => setTimeout(resolve, 400));
    expect(await freshness.current()).toBeGreaterThanOrEqual(first ?? Infinity);
  });

  it('proves nothing of moments that come again when the clock is set back, and goes on at once', async () => {
    const chain = new FakeChain();
    let aheadMs = 60_000;
    const now = (): number => Date.now() + aheadMs;
    const freshness = start(chain, now);
    expect(await freshness.current()).toBeGreaterThan(Date.now() + 50_000);
    // One that was begun before comes through afterwards.
    chain.ends.set('cart-events', [5, 0]);
    await new Promise((resolve) => setTimeout(resolve, 400));
    const before = freshness.current(1_000);
    await new Promise((resolve) => setTimeout(resolve, 50));
    aheadMs = 0;
    chain.ends.set('cart-events', [6, 0]);
    const after = freshness.current(300);
    chain.set('carts-0', { position: 5 });
    expect([await before, await after]).toEqual([null, null]);
    const asked = Date.now();
    chain.set('carts-0', { position: 6 });
    const proven = await freshness.current(3_000);
    expect(proven).toBeGreaterThanOrEqual(asked);
    expect(proven).toBeLessThanOrEqual(Date.now());
  });

  it('does nothing while nobody asks', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    await freshness.current();
    await new Promise((resolve) => setTimeout(resolve, 3_500));
    const { questions } = chain;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(chain.questions).toBe(questions);
  });
});
