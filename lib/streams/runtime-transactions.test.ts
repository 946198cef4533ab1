import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { TransactionError } from '../kafka/errors.ts';
import { ScriptedKafka, gate } from './testing/scripted-kafka.ts';
import { clock, resetClock, stopAll, until, upTo, world } from './testing/runtime-world.ts';

beforeEach(resetClock);
afterEach(stopAll);

const restores = async (metrics: Registry): Promise<number> =>
  (await metrics.getSingleMetric('streams_restored_entries_total')!.get()).values.reduce(
    (sum, { value }) => sum + value,
    0,
  );

describe('a transaction that fails because of a broker', () => {
  it.each(['lost', 'committed'] as const)('costs neither the state nor a record when it is %s', async (outcome) => {
    const kafka = new ScriptedKafka(clock);
    const metrics = new Registry();
    const { runtime, folded } = await world(kafka, {}, metrics);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    kafka.refusals.set(0, new TransactionError('no reply'));
    kafka.refusedCommits = outcome === 'committed';
    kafka.ends[0] = 20;
    await until(() => runtime.positions()[0]?.position === 20);
    kafka.ends[0] = 30;
    await until(() => runtime.positions()[0]?.position === 30);
    expect(folded[0]).toEqual(upTo(30));
    expect(await restores(metrics)).toBe(0);
    // Each change is in the changelog once.
    expect(kafka.changelogs[0]).toHaveLength(30);
    expect(kafka.done.filter((what) => what.includes('init'))).toHaveLength(2);
  });

  it('closes the task when another process has committed meanwhile', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime, folded } = await world(kafka);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    kafka.refusals.set(0, new TransactionError('no reply'));
    kafka.onCommittedRead = () => {
      kafka.onCommittedRead = () => undefined;
      kafka.committed[0] = { ...kafka.committed[0]!, offset: 15 };
    };
    kafka.ends[0] = 20;
    await until(() => runtime.positions()[0]?.position === 20);
    // The next task begins where the other process has committed.
    expect(folded[0]).toEqual([...upTo(20), ...upTo(20).slice(15)]);
  });
});

describe('a process that the group has not confirmed', () => {
  it('fences nobody until it is confirmed', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    kafka.ends[0] = 10;
    kafka.member.isConfirmed = false;
    kafka.give(1);
    await clock.advance(20_000);
    expect(kafka.done).toEqual([]);
    expect(runtime.positions()).toMatchObject([{ state: 'restoring', position: null }]);
    kafka.member.isConfirmed = true;
    await until(() => kafka.committed[0]?.offset === 10);
  });

  it('does not do so either when it was frozen just before the request', async () => {
    const kafka = new ScriptedKafka(clock);
    await world(kafka);
    kafka.ends[0] = 10;
    // Confirmed when the task asks, and no more when the request is about to be sent.
    kafka.onInit = () => (kafka.member.isConfirmed = false);
    kafka.give(1);
    await clock.advance(20_000);
    expect(kafka.done.filter((what) => what.includes('init'))).toEqual([]);
    kafka.onInit = () => undefined;
    kafka.member.isConfirmed = true;
    await until(() => kafka.committed[0]?.offset === 10);
  });
});

describe('the next transaction', () => {
  /** How long it waits after one of ten records that took 40 ms, while ten more are there. */
  async function pauseMs(records: number): Promise<number> {
    const kafka = new ScriptedKafka(clock);
    const limits = { records, effects: 1_000, bytes: 1 << 20, workMs: 1_000 };
    await world(kafka, {}, new Registry(), undefined, limits);
    const [first, second] = [gate(), gate()];
    kafka.commits.set(0, first);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => !kafka.commits.has(0));
    kafka.ends[0] = 20;
    await clock.advance(40);
    kafka.commits.set(0, second);
    first.open();
    const endedAtMs = clock.elapsedMs();
    while (kafka.commits.has(0)) await clock.advance(1);
    second.open();
    return clock.elapsedMs() - endedAtMs;
  }

  it('begins half as long after the one before as that one took', async () => {
    const waitedMs = await pauseMs(100);
    expect(waitedMs).toBeGreaterThanOrEqual(20);
    expect(waitedMs).toBeLessThan(25);
  });

  it('begins at once after a full one', async () => {
    expect(await pauseMs(10)).toBeLessThan(3);
  });
});
