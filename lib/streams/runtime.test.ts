import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FencedError } from '../kafka/errors.ts';
import type { Batch } from '../kafka/types.ts';
import {
  clock,
  ended,
  resetClock,
  stopAll,
  stoppedIn,
  until,
  upTo,
  world,
  type World,
} from './testing/runtime-world.ts';
import { ScriptedKafka, gate } from './testing/scripted-kafka.ts';
import { testTopology, type TestEvent } from './testing.ts';
import type { Topology } from './topology.ts';

beforeEach(resetClock);
afterEach(stopAll);

describe('a partition that is given up and comes back while its task is still ending', () => {
  it('loses none of its records', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime, folded } = await world(kafka);
    const commit = gate();
    kafka.commits.set(0, commit);
    kafka.ends[0] = 50;
    kafka.give(1);
    await until(() => kafka.assigned.get(0)?.offset === 50);
    const init = gate();
    kafka.lose();
    kafka.ends[0] = 100;
    kafka.inits.set(0, init);
    kafka.give(2);
    await clock.advance(30);
    expect(kafka.assigned.size).toBe(0);
    init.open();
    await clock.advance(50);
    commit.open();
    await until(() => kafka.committed[0]?.offset === 100);
    kafka.ends[0] = 150;
    await until(() => kafka.committed[0]?.offset === 150);
    expect([...new Set(folded[0])].sort((a, b) => a - b)).toEqual(upTo(150));
    expect(runtime.positions()).toMatchObject([{ position: 150, end: 150, state: 'running' }]);
  });

  it('is read on, however late the old task ends', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    const commit = gate();
    kafka.commits.set(0, commit);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => !kafka.commits.has(0));
    kafka.lose();
    kafka.give(2);
    await clock.advance(100);
    commit.open();
    await clock.advance(100);
    kafka.ends[0] = 100;
    await until(() => kafka.committed[0]?.offset === 100);
    expect(runtime.ready()).toBe(true);
  });

  it('is opened only when that task has ended, as often as it comes and goes', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    const commit = gate();
    kafka.commits.set(0, commit);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => !kafka.commits.has(0));
    for (let generation = 2; generation < 6; generation++) {
      kafka.lose();
      kafka.give(generation);
      await clock.advance(5);
    }
    expect(runtime.ready()).toBe(false);
    commit.open();
    await until(() => runtime.ready());
    expect(kafka.done).toEqual(['p0 init 1', 'p0 commit 10', 'p0 close 1', 'p0 init 2']);
    expect(kafka.open).toBe(1);
  });

  it('takes nothing that was read for the task before', async () => {
    const kafka = new ScriptedKafka(clock);
    const { folded } = await world(kafka);
    const read: Batch[] = (kafka.keptBack = []);
    kafka.ends[0] = 50;
    kafka.give(1);
    await until(() => read.length === 5);
    const late = read.slice(3);
    kafka.lose();
    kafka.give(2);
    await until(() => kafka.assigned.has(0));
    kafka.keptBack = null;
    kafka.late = late;
    kafka.assigned.get(0)!.offset = 0;
    kafka.ends[0] = 60;
    await until(() => kafka.committed[0]?.offset === 60);
    expect(folded[0]).toEqual(upTo(60));
  });

  it('does not wait for ever for a transaction that does not end', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime, folded } = await world(kafka);
    kafka.commits.set(0, gate());
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => !kafka.commits.has(0));
    kafka.lose();
    kafka.give(2);
    await until(() => runtime.ready());
    await until(() => kafka.committed[0]?.offset === 10);
    expect(folded[0]).toEqual([...upTo(10), ...upTo(10)]);
  });
});

describe('a task that was fenced', () => {
  /** After failures that make the pause long, the task is fenced in generation 1. */
  async function fenced(change: Partial<Topology<TestEvent>> = {}): Promise<World> {
    const w = await world(new ScriptedKafka(clock), change);
    const { kafka } = w;
    kafka.give(1);
    for (const refusal of [new Error('one'), new Error('two'), new FencedError('another')]) {
      kafka.refusals.set(0, refusal);
      kafka.ends[0]! += 10;
      await until(() => !kafka.refusals.has(0));
    }
    await until(() => kafka.open === 0);
    return w;
  }

  it('opens once in a later generation that the group has confirmed', async () => {
    const { kafka, runtime } = await fenced();
    kafka.give(2);
    await clock.advance(250);
    expect(kafka.open).toBe(0);
    kafka.confirm();
    await until(() => runtime.ready());
    const { length } = kafka.done;
    await clock.advance(1_500);
    kafka.ends[0]! += 10;
    await until(() => kafka.committed[0]?.offset === kafka.ends[0]);
    expect(kafka.done.slice(length).filter((what) => !what.includes('commit'))).toEqual([]);
    expect(kafka.open).toBe(1);
    expect(kafka.rejoins).toBe(0);
  });

  it('asks for a new generation, once, when none comes', async () => {
    const { kafka, runtime } = await fenced();
    await until(() => kafka.rejoins === 1);
    await clock.advance(300);
    expect(kafka.open).toBe(0);
    expect(kafka.rejoins).toBe(1);
    kafka.give(2);
    await clock.advance(10);
    kafka.confirm();
    await until(() => runtime.ready());
  });

  it('leaves nothing that ticks on when the partition is given up', async () => {
    // Always due, and the log's clock never follows: it ticks whenever it may.
    const { kafka, runtime } = await fenced({
      input: { ...testTopology('runtime').input, clock: () => ({ causeMs: 1 }) },
      state: { dueOf: () => 1 },
    });
    kafka.give(2);
    await clock.advance(10);
    kafka.confirm();
    await until(() => runtime.ready());
    await clock.advance(1_200);
    kafka.lose();
    await until(() => kafka.open === 0);
    const { ticks } = kafka;
    expect(ticks).toBeGreaterThan(0);
    await clock.advance(1_000);
    expect(kafka.ticks).toBe(ticks);
    const { done } = kafka;
    expect(done.filter((what) => what.includes('close'))).toHaveLength(
      done.filter((what) => what.includes('init')).length,
    );
  });
});

describe('a partition whose log is another one than before', () => {
  /** Ten records are handled by one process; the next one finds what `change` made of the log. */
  async function reopened(change: (kafka: ScriptedKafka) => void) {
    const kafka = new ScriptedKafka(clock, 2);
    const metrics = new Registry();
    const { runtime: before } = await world(kafka);
    kafka.ends.fill(10);
    kafka.give(1);
    await until(() => kafka.committed.every((at) => at?.offset === 10));
    await ended(before.stop());
    change(kafka);
    const w = await world(kafka, {}, metrics);
    kafka.give(2);
    return { ...w, metrics };
  }

  it('stops where it ends too early, also when it has grown past there, while others continue', async () => {
    const { kafka, runtime, metrics, folded } = await reopened(({ ends }) => (ends[0] = 5));
    await until(() => runtime.positions()[0]?.state === 'stopped');
    kafka.againMs = 1;
    kafka.committed[1] = { ...kafka.committed[1]!, metadata: '{"log_time":9,"step":0}' };
    kafka.ends.fill(20);
    await clock.advance(1_000);
    expect(runtime.positions().map(({ state }) => state)).toEqual(['stopped', 'running']);
    expect(folded).toEqual([[], upTo(20).slice(10)]);
    expect(await stoppedIn(metrics)).toMatchObject([{ value: 1, labels: { partition: 0 } }]);
    // What is open serves: nobody need wait for somebody to look.
    expect(runtime.ready()).toBe(true);
  });

  it('stops where it had grown past there before anybody looked', async () => {
    const { runtime, folded } = await reopened((kafka) => {
      kafka.againMs = 1;
      kafka.ends.fill(20);
    });
    await until(() => runtime.positions().every(({ state }) => state === 'stopped'));
    await clock.advance(1_000);
    expect(folded).toEqual([[], []]);
  });

  it('continues in the same log, and in one whose position an older release committed', async () => {
    const { kafka, folded } = await reopened(({ ends, committed }) => {
      committed[1] = { offset: 10, metadata: '{"log_time":9,"step":0}' };
      ends.fill(20);
    });
    await until(() => kafka.committed.every((at) => at?.offset === 20));
    expect(folded).toEqual([upTo(20).slice(10), upTo(20).slice(10)]);
  });
});

describe('a partition whose committed offset is lost', () => {
  /** Ten records are handled by one process; the next one finds what `change` made of the committed offset. */
  async function reopened(change: (kafka: ScriptedKafka) => void) {
    const kafka = new ScriptedKafka(clock);
    const { runtime: before } = await world(kafka);
    kafka.ends.fill(10);
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    await ended(before.stop());
    change(kafka);
    const logged: Record<string, unknown>[] = [];
    const logger = pino({ level: 'error' }, { write: (line) => void logged.push(JSON.parse(line) as never) });
    const w = await world(kafka, {}, new Registry(), logger);
    kafka.ends.fill(20);
    kafka.give(2);
    return { ...w, logged };
  }

  it.each<[string, (kafka: ScriptedKafka) => void]>([
    ['it is gone', (kafka) => (kafka.committed[0] = null)],
    ['it has moved back', (kafka) => (kafka.committed[0] = { offset: 5, metadata: '{"log_time":4,"step":0}' })],
  ])('stops, and names the way out, when %s although the changelog holds state', async (_, change) => {
    const { runtime, folded, kafka, logged } = await reopened(change);
    await until(() => runtime.positions()[0]?.state === 'stopped');
    await clock.advance(120_000);
    expect(runtime.positions()).toMatchObject([{ state: 'stopped' }]);
    expect(folded).toEqual([[]]);
    expect(kafka.committed[0]?.offset).not.toBe(20);
    expect(logged.map(({ err }) => String(err)).join()).toMatch(/TOPIC_PREFIX/);
  });

  it('starts at the beginning when there is no state', async () => {
    const { folded, kafka } = await reopened((kafka) => {
      kafka.committed[0] = null;
      kafka.changelogs[0] = [];
    });
    await until(() => kafka.committed[0]?.offset === 20);
    expect(folded).toEqual([upTo(20)]);
  });

  it('is only tried again when another process has committed meanwhile', async () => {
    const { kafka, runtime, folded, logged } = await reopened((kafka) => {
      const { committed } = kafka;
      const now = committed[0]!;
      committed[0] = null;
      kafka.onCommittedRead = () => (committed[0] = now);
    });
    await until(() => kafka.committed[0]?.offset === 20);
    expect(folded).toEqual([upTo(20).slice(10)]);
    expect(runtime.positions()).toMatchObject([{ state: 'running' }]);
    expect(logged.map(({ msg }) => msg)).toEqual(['task failed; restarting it']);
  });
});

describe('a partition whose log cannot be read', () => {
  it('stops alone, reports it, and continues when the log can be read', async () => {
    const kafka = new ScriptedKafka(clock, 2);
    const metrics = new Registry();
    const { runtime } = await world(kafka, {}, metrics);
    const stopped = () => stoppedIn(metrics);
    kafka.ends.fill(10);
    kafka.give(1);
    await until(() => kafka.committed.every((c) => c?.offset === 10));
    kafka.corrupt = 0;
    for (let end = 20; end < 100; end += 10) {
      kafka.ends.fill(end);
      await until(() => kafka.committed[1]?.offset === end);
    }
    expect(kafka.done.filter((what) => what.startsWith('p1') && !what.includes('commit'))).toEqual(['p1 init 1']);
    await until(() => runtime.positions()[0]?.state === 'stopped');
    expect(runtime.positions()).toMatchObject([
      { position: 10, state: 'stopped' },
      { position: 90, state: 'running' },
    ]);
    expect(await stopped()).toMatchObject([{ value: 1, labels: { partition: 0 } }]);
    // Not again and again: every try reads the whole state back.
    await clock.advance(1_000);
    const tries = kafka.done.filter((what) => what.startsWith('p0 init')).length;
    expect(tries).toBeGreaterThan(1);
    expect(tries).toBeLessThan(6);
    kafka.corrupt = null;
    await until(() => kafka.committed[0]?.offset === 90);
    expect(runtime.ready()).toBe(true);
    expect(await stopped()).toEqual([]);
  });
});

describe('a transaction', () => {
  it('stays small also when states are heavy', async () => {
    const stateBytes = 60_000;
    const { kafka } = await world(new ScriptedKafka(clock), {
      state: { dueOf: () => undefined },
      process: ({ key }, { store }) => store.put(key, Buffer.alloc(stateBytes)),
    });
    const commit = gate();
    kafka.commits.set(0, commit);
    kafka.ends[0] = 100;
    kafka.give(1);
    // All that is left is there at once.
    await until(() => kafka.assigned.get(0)?.offset === 100);
    await clock.advance(20);
    commit.open();
    await until(() => kafka.committed[0]?.offset === 100);
    expect(kafka.sizes.reduce((sum, bytes) => sum + bytes)).toBeGreaterThan(100 * stateBytes);
    expect(Math.max(...kafka.sizes)).toBeLessThan((8 << 20) + 2 * stateBytes);
  });
});
