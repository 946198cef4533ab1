import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ScriptedKafka, gate } from './testing/scripted-kafka.ts';
import { TEST_INPUT } from './testing.ts';
import { clock, ended, resetClock, stopAll, until, world } from './testing/runtime-world.ts';

beforeEach(resetClock);
afterEach(stopAll);

describe('the position that is shown', () => {
  it('is the last one that was committed while the task is closing', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    const commit = gate();
    kafka.commits.set(0, commit);
    kafka.ends[0] = 20;
    await until(() => !kafka.commits.has(0));
    kafka.lose();
    kafka.give(2);
    expect(runtime.positions()).toMatchObject([{ state: 'closing', position: 10 }]);
    expect(runtime.ready()).toBe(false);
    commit.open();
    await until(() => runtime.ready());
    expect(runtime.positions()).toMatchObject([{ state: 'running', position: 20 }]);
  });

  it('is unknown between two tasks, and until the next one knows where it starts', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    kafka.refusals.set(0, new Error('refused'));
    const init = gate();
    kafka.inits.set(0, init);
    kafka.ends[0] = 20;
    await until(() => kafka.open === 0);
    await clock.advance(1);
    expect(runtime.positions()).toMatchObject([{ state: 'waiting', position: null, end: null }]);
    expect(runtime.ready()).toBe(false);
    await until(() => !kafka.inits.has(0));
    expect(runtime.positions()).toMatchObject([{ state: 'restoring', position: null, end: null }]);
    init.open();
    await until(() => kafka.committed[0]?.offset === 20);
    expect(runtime.positions()).toMatchObject([{ state: 'running', position: 20, end: 20 }]);
  });
});

it('announces every position that it shows, also behind the end of a transaction', async () => {
  const kafka = new ScriptedKafka(clock);
  const { runtime } = await world(kafka);
  const moves: [string, number, number][] = [];
  runtime.onMoved((topic, partition, position) => moves.push([topic, partition, position]));
  kafka.ends[0] = 10;
  kafka.give(1);
  await until(() => runtime.positions()[0]?.position === 10);
  expect(moves.at(-1)).toEqual([TEST_INPUT, 0, 10]);
  const ends = { nextOffset: 11, highWatermark: 11, lastStableOffset: 11 };
  const { owner } = kafka.assigned.get(0)!;
  kafka.late = [{ topic: TEST_INPUT, partition: 0, records: [], ...ends, owner }];
  await until(() => runtime.positions()[0]?.position === 11);
  expect(moves.at(-1)).toEqual([TEST_INPUT, 0, 11]);
});

describe('stopping', () => {
  it('does not wait for a partition that is being opened', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    kafka.inits.set(0, gate());
    kafka.give(1);
    await until(() => !kafka.inits.has(0));
    const startedAtMs = clock.elapsedMs();
    await ended(runtime.stop());
    expect(clock.elapsedMs() - startedAtMs).toBeLessThan(1_000);
    expect(kafka.open).toBe(0);
  });

  it('finishes the transaction at hand', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    const commit = gate();
    kafka.commits.set(0, commit);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => !kafka.commits.has(0));
    const stopped = runtime.stop();
    await clock.advance(50);
    commit.open();
    await ended(stopped);
    expect(kafka.committed[0]?.offset).toBe(10);
  });
});
