import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../clock/index.ts';
import { ManualClock } from '../clock/testing.ts';
import { partitionFor } from '../kafka/murmur2.ts';
import type { StagePosition } from '../telemetry/index.ts';
import { Freshness } from './freshness.ts';
import { CHAIN } from './stages.ts';

const TOPICS = CHAIN.map(({ topic }) => topic);

/** Three stages of two partitions each, one member a partition, whose offsets a test moves by hand. */
class FakeChain {
  ends = new Map<string, number[]>(TOPICS.map((topic) => [topic, [0, 0]]));
  positions = new Map<string, StagePosition>();
  owned = new Set<string>();
  /** Members that never answer. */
  hanging = new Set<string>();
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

  freshness(clock: Clock): Freshness {
    return new Freshness({
      clock,
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
        if (this.hanging.has(url)) return new Promise(() => undefined);
        const position = this.positions.get(url);
        return position ? Promise.resolve([position]) : Promise.reject(new Error('gone'));
      },
      logger: { warn: () => undefined },
    });
  }
}

let clock: ManualClock;
let open: Freshness[] = [];
beforeEach(() => {
  clock = new ManualClock();
});
afterEach(() => {
  for (const freshness of open) freshness.stop();
  open = [];
});

function start(chain: FakeChain, by: Clock = clock): Freshness {
  const freshness = chain.freshness(by);
  open.push(freshness);
  return freshness;
}
/** What `current` answers once `waitMs` have passed. */
async function current(freshness: Freshness, waitMs = 250): Promise<number | null> {
  const answer = freshness.current(waitMs);
  await clock.advance(waitMs);
  return answer;
}

describe('Freshness', () => {
  it('proves the time of the call at once when nothing is waiting', async () => {
    const calledAtMs = clock.wallMs();
    const freshness = start(new FakeChain());
    expect(await freshness.current()).toBe(calledAtMs);
    expect(clock.wallMs()).toBe(calledAtMs);
  });

  it('waits for every stage, up to the end offsets that existed once the stage before had passed', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    chain.ends.set('cart-events', [5, 0]);
    chain.ends.set('trait-events', [0, 7]);
    expect(await current(freshness)).toBeNull();
    chain.set('carts-0', { position: 5 });
    expect(await current(freshness)).toBeNull();
    chain.set('sink-1', { position: 6 });
    expect(await current(freshness)).toBeNull();
    const calledAtMs = clock.wallMs();
    chain.set('sink-1', { position: 7 });
    expect(await current(freshness, 1_000)).toBeGreaterThanOrEqual(calledAtMs);
  });

  it('ends at an overdue deadline, and knows no deadline of a member that restores or has no position', async () => {
    const chain = new FakeChain();
    chain.set('carts-1', { earliestDueMs: 1_000 });
    expect(await current(start(chain))).toBe(1_000);
    chain.set('carts-1', { earliestDueMs: null, state: 'restoring' });
    expect(await current(start(chain))).toBeNull();
    chain.set('carts-1', { earliestDueMs: null, state: 'running', position: null });
    expect(await current(start(chain))).toBeNull();
    chain.set('carts-1', { earliestDueMs: clock.wallMs() + 60_000, position: 0 });
    expect(await current(start(chain))).toBeGreaterThan(1_000);
  });

  it('does not advance while a partition has no owner, and finds the new one', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    chain.owned.delete('http://people-0');
    expect(await current(freshness)).toBeNull();
    chain.owned.add('http://people-0');
    expect(await current(freshness, 3_000)).not.toBeNull();
  });

  it('never moves back', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    const first = await current(freshness);
    chain.set('carts-0', { earliestDueMs: 1_000 });
    await clock.advance(400);
    expect(await current(freshness)).toBeGreaterThanOrEqual(first ?? Infinity);
  });

  it('starts over when the wall clock is set back, so that no time counts as proven before it occurs', async () => {
    const chain = new FakeChain();
    let aheadMs = 60_000;
    const skewed: Clock = {
      wallMs: () => clock.wallMs() + aheadMs,
      elapsedMs: () => clock.elapsedMs(),
      sleep: (ms, signal) => clock.sleep(ms, signal),
    };
    const freshness = start(chain, skewed);
    expect(await current(freshness)).toBeGreaterThan(clock.wallMs() + 50_000);
    // A probe that began before the change succeeds after it.
    chain.ends.set('cart-events', [5, 0]);
    await clock.advance(400);
    const before = freshness.current(1_000);
    await clock.advance(50);
    aheadMs = 0;
    chain.ends.set('cart-events', [6, 0]);
    const after = freshness.current(300);
    chain.set('carts-0', { position: 5 });
    await clock.advance(1_000);
    expect([await before, await after]).toEqual([null, null]);
    const calledAtMs = clock.wallMs();
    chain.set('carts-0', { position: 6 });
    const proven = await current(freshness, 3_000);
    expect(proven).toBeGreaterThanOrEqual(calledAtMs);
    expect(proven).toBeLessThanOrEqual(clock.wallMs());
  });

  it('does nothing while nobody asks', async () => {
    const chain = new FakeChain();
    const freshness = start(chain);
    await current(freshness);
    await clock.advance(3_500);
    const { questions } = chain;
    await clock.advance(60_000);
    expect(chain.questions).toBe(questions);
    expect(clock.nextWakeMs).toBeNull();
  });
});

describe('Freshness of a workspace', () => {
  const names = ['acme', 'other', 'third', 'fourth', 'fifth'];
  const mine = names.find((name) => partitionFor(name, 2) === 0) ?? '';
  const theirs = names.find((name) => partitionFor(name, 2) === 1) ?? '';

  async function ofWorkspace(freshness: Freshness, workspace: string): Promise<number | null> {
    const answer = freshness.ofWorkspace(workspace, 250);
    await clock.advance(250);
    return answer;
  }

  it('does not depend on the partitions of other workspaces in people and sink', async () => {
    for (const stage of ['people', 'sink']) {
      const topic = CHAIN.find(({ name }) => name === stage)?.topic ?? '';
      for (const change of [{ state: 'stopped' }, { state: 'running', earliestDueMs: 1_000 }] as const) {
        const chain = new FakeChain();
        chain.set(`${stage}-1`, change);
        if (change.state === 'running') chain.ends.set(topic, [0, 9]);
        const freshness = start(chain);
        const calledAtMs = clock.wallMs();
        expect(await ofWorkspace(freshness, mine)).toBe(calledAtMs);
        expect(await ofWorkspace(freshness, theirs)).toBeNull();
        expect(await current(freshness)).toBeNull();
      }
    }
  });

  it('waits for all partitions of carts, which has a part of every workspace', async () => {
    const chain = new FakeChain();
    chain.ends.set('cart-events', [0, 5]);
    const freshness = start(chain);
    expect(await ofWorkspace(freshness, mine)).toBeNull();
    chain.set('carts-1', { position: 5 });
    expect(await ofWorkspace(freshness, mine)).not.toBeNull();
  });

  it('waits for its own partitions', async () => {
    for (const stage of ['people', 'sink']) {
      const chain = new FakeChain();
      const topic = CHAIN.find(({ name }) => name === stage)?.topic ?? '';
      chain.ends.set(topic, [7, 0]);
      const freshness = start(chain);
      expect(await ofWorkspace(freshness, mine)).toBeNull();
      expect(await ofWorkspace(freshness, theirs)).not.toBeNull();
      chain.set(`${stage}-0`, { position: 7 });
      expect(await ofWorkspace(freshness, mine)).not.toBeNull();
    }
  });

  it('does not wait for a member that does not answer, if it has only partitions of others', async () => {
    const chain = new FakeChain();
    chain.hanging.add('http://people-1');
    const freshness = start(chain);
    const calledAtMs = clock.wallMs();
    expect(await ofWorkspace(freshness, mine)).toBe(calledAtMs);
    await clock.advance(5_000);
    const againMs = clock.wallMs();
    chain.ends.set('person-inputs', [3, 0]);
    const answer = freshness.ofWorkspace(mine, 1_000);
    await clock.advance(200);
    chain.set('people-0', { position: 3 });
    await clock.advance(800);
    expect(await answer).toBeGreaterThanOrEqual(againMs);
  });

  it('keeps waiting when those who asked for another one have gone', async () => {
    const chain = new FakeChain();
    chain.ends.set('person-inputs', [3, 3]);
    const freshness = start(chain);
    await ofWorkspace(freshness, theirs);
    // Nobody asks for the other one any more: its probes end while this one waits.
    const askedAtMs = clock.wallMs();
    for (let i = 0; i < 70; i++) {
      void freshness.ofWorkspace(mine, 0);
      await clock.advance(1_000);
    }
    chain.set('people-0', { position: 3 });
    expect(await ofWorkspace(freshness, mine)).toBeGreaterThanOrEqual(askedAtMs);
    expect(await ofWorkspace(freshness, theirs)).toBeNull();
  });

  it('knows when the later stages have passed what is there now', async () => {
    const chain = new FakeChain();
    // Carts are not asked: what is behind them does not wait for them.
    chain.ends.set('cart-events', [9, 9]);
    chain.ends.set('person-inputs', [3, 9]);
    chain.ends.set('trait-events', [5, 9]);
    const freshness = start(chain);
    const passed: string[] = [];
    const never = new AbortController();
    void freshness.passed('people', mine, never.signal).then(() => passed.push('all'));
    await clock.advance(1_000);
    chain.set('people-0', { position: 3 });
    await clock.advance(1_000);
    expect(passed).toEqual([]);
    chain.set('sink-0', { position: 5 });
    await clock.advance(1_000);
    expect(passed).toEqual(['all']);
    const given = new AbortController();
    const abandoned = expect(freshness.passed('people', theirs, given.signal)).rejects.toThrow('no longer needed');
    await clock.advance(1_000);
    given.abort();
    await abandoned;
  });

  it('is unknown while Kafka does not answer', async () => {
    const freshness = new Freshness({
      clock,
      kafka: {
        endOffsets: () => Promise.reject(new Error('away')),
        describeGroup: () => Promise.reject(new Error('away')),
      },
      positionsOf: () => Promise.reject(new Error('away')),
      logger: { warn: () => undefined },
    });
    open.push(freshness);
    expect(await ofWorkspace(freshness, mine)).toBeNull();
  });
});
