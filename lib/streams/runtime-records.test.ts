import pino from 'pino';
import { Registry } from 'prom-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MissingSchemaError, UnknownSchemaError } from '../avro/index.ts';
import type { KafkaRecord } from '../kafka/types.ts';
import { runTopology } from './runtime.ts';
import { SKIPS_TOPIC, encodeSkip, type SkipScope } from './skips.ts';
import { TEST_INPUT, testTopology, type TestEvent } from './testing.ts';
import { clock, ended, resetClock, running, stopAll, stoppedIn, until, upTo, world } from './testing/runtime-world.ts';
import { ScriptedKafka } from './testing/scripted-kafka.ts';
import type { Topology } from './topology.ts';

beforeEach(resetClock);
afterEach(stopAll);

describe('a record that breaks the topology', () => {
  const failing = (event: TestEvent): TestEvent => {
    if (event.at === 7) throw new Error('broken');
    return event;
  };

  it('is tried three times, then its partition stops and logs where; a failure that passes does not stop it', async () => {
    const kafka = new ScriptedKafka(clock, 2);
    const metrics = new Registry();
    const logged: Record<string, unknown>[] = [];
    const logger = pino({ level: 'error' }, { write: (line) => void logged.push(JSON.parse(line) as never) });
    const base = testTopology('runtime');
    let tries = 0;
    const topology: Topology<TestEvent> = {
      ...base,
      process(record, context) {
        if (record.partition === 0 && record.offset === 7 && ++tries > 0) throw new Error('broken');
        if (record.partition === 1 && record.offset === 7 && ++once < 3) throw new Error('passes');
        base.process(record, context);
      },
    };
    let once = 0;
    const runtime = await runTopology({
      topology,
      kafka: kafka.port,
      logger,
      clock,
      metrics,
      healthUrl: null,
    });
    running.push(runtime);
    kafka.ends.fill(10);
    kafka.give(1);
    await until(() => runtime.positions()[0]?.state === 'stopped' && kafka.committed[1]?.offset === 10);
    await clock.advance(1_200);
    expect(tries).toBe(3);
    expect(runtime.positions().map(({ state }) => state)).toEqual(['stopped', 'running']);
    expect(await stoppedIn(metrics)).toMatchObject([{ value: 1, labels: { partition: 0 } }]);
    const stopped = logged.filter(({ msg }) => String(msg).startsWith('partition stopped'));
    expect(stopped).toMatchObject([{ topic: topology.input.topic, partition: 0, offset: 7 }]);
  });

  it.each<[string, Partial<Topology<TestEvent>['input']>]>([
    ['its decoder', { decode: (value) => failing(JSON.parse(value.toString()) as TestEvent) }],
    ['its clock', { clock: (event) => ({ causeMs: failing(event).at }) }],
  ])('stops its partition also when %s throws', async (_, change) => {
    const kafka = new ScriptedKafka(clock);
    const { input } = testTopology('runtime');
    const { runtime } = await world(kafka, { input: { ...input, ...change } });
    kafka.ends.fill(10);
    kafka.give(1);
    await until(() => runtime.positions()[0]?.state === 'stopped');
    expect(runtime.positions()).toMatchObject([{ position: 0, state: 'stopped' }]);
  });
});

describe('a record whose schema the registry does not have', () => {
  it('stops its partition with the offset, which an operator can skip, and is read once the schema is back', async () => {
    const kafka = new ScriptedKafka(clock);
    const { input } = testTopology('runtime');
    let isMissing = true;
    const load = (): Promise<void> =>
      isMissing ? Promise.reject(new MissingSchemaError('schema 77: not found')) : Promise.resolve();
    const decode = (value: Buffer): TestEvent => {
      const event = input.decode(value);
      if (event.at === 7 && isMissing) throw new UnknownSchemaError(77, load);
      return event;
    };
    const { runtime } = await world(kafka, { input: { ...input, decode } });
    kafka.ends.fill(10);
    kafka.give(1);
    for (let waits = 0; waits < 60 && runtime.positions()[0]?.state !== 'stopped'; waits++) await clock.advance(1_000);
    expect(runtime.positions()).toMatchObject([{ state: 'stopped', stopReason: 'failing_record', failingOffset: 7 }]);
    isMissing = false;
    await clock.advance(61_000);
    expect(runtime.positions()).toMatchObject([{ position: 10, state: 'running' }]);
  });
});

describe('a record that an operator has skipped', () => {
  const reason = 'it is damaged';
  const skipOf = (offset: number, scope: SkipScope = 'record'): KafkaRecord => {
    const { key, value } = encodeSkip({ topic: TEST_INPUT, partition: 0, offset, scope, reason }, clock.wallMs());
    return { offset: 0, timestampMs: 0, key: Buffer.from(key!), value, headers: {} };
  };
  const breaking = (at: 'decode' | 'process', topology = testTopology('runtime')): Partial<Topology<TestEvent>> => ({
    input: {
      ...topology.input,
      decode: (value) => {
        const event = topology.input.decode(value);
        if (at === 'decode' && event.at === 7) throw new Error('broken');
        return event;
      },
    },
    outputs: [...topology.outputs, 'dead-letters'],
    deadLetter: ({ offset }, why) => ({ key: 'k', value: Buffer.from(`${offset}: ${why}`) }),
    process: (record, context) => {
      if (record.offset === 7) throw new Error('broken');
      topology.process(record, context);
    },
  });

  it.each(['decode', 'process'] as const)(
    'is a dead letter, and its partition continues, when %s fails',
    async (at) => {
      const { kafka, runtime } = await world(new ScriptedKafka(clock), breaking(at));
      kafka.ends[0] = 20;
      kafka.give(1);
      await until(() => runtime.positions()[0]?.state === 'stopped');
      expect(runtime.positions()).toMatchObject([{ position: 0, failingOffset: 7 }]);
      kafka.skips.push(skipOf(8));
      await clock.advance(5_000);
      expect(runtime.positions()).toMatchObject([{ state: 'stopped' }]);
      kafka.skips.push({ ...skipOf(7), offset: 1 });
      const skippedAtMs = clock.elapsedMs();
      await until(() => kafka.committed[0]?.offset === 20);
      expect(clock.elapsedMs() - skippedAtMs).toBeLessThan(5_000);
      expect(runtime.positions()).toMatchObject([{ state: 'running', position: 20 }]);
      expect(runtime.positions()[0]).not.toHaveProperty('failingOffset');
      expect(runtime.positions()[0]).not.toHaveProperty('stopReason');
      expect(kafka.deadLetters).toEqual([`7: ${reason}`, `8: ${reason}`]);
      expect(kafka.changelogs[0]!.map(({ key }) => String(key)).sort()).toEqual(
        upTo(20)
          .filter((offset) => offset !== 7 && offset !== 8)
          .map((offset) => `k${offset}`)
          .sort(),
      );
    },
  );

  it('is not waited for when the partition is revoked while Kafka does not answer', async () => {
    const { kafka, runtime } = await world(new ScriptedKafka(clock), breaking('process'));
    kafka.ends[0] = 20;
    kafka.give(1);
    await until(() => runtime.positions()[0]?.state === 'stopped');
    kafka.silentTopic = SKIPS_TOPIC;
    await clock.advance(3_000);
    const stoppedAtMs = clock.elapsedMs();
    await ended(runtime.stop());
    expect(clock.elapsedMs() - stoppedAtMs).toBeLessThan(1_000);
  });
});

describe('a skip that is ordered while the task runs', () => {
  it('holds for a record that was not handled yet', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime, folded } = await world(kafka);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    const skip = encodeSkip(
      { topic: TEST_INPUT, partition: 0, offset: 12, scope: 'record', reason: 'known to be wrong' },
      clock.wallMs(),
    );
    kafka.skips.push({ offset: 0, timestampMs: 0, key: Buffer.from(skip.key!), value: skip.value, headers: {} });
    await clock.advance(1_000);
    kafka.ends[0] = 20;
    await until(() => runtime.positions()[0]?.position === 20);
    expect(folded[0]).toEqual(upTo(20).filter((offset) => offset !== 12));
  });
});

describe('a record of the topic of skips that cannot be decoded', () => {
  it.each([
    'no JSON',
    'null',
    '{"topic":"cart-events"}',
    '{"topic":"cart-events","partition":0,"offset":3,"scope":"all"}',
  ])('is logged and has no effect: %s', async (text) => {
    const kafka = new ScriptedKafka(clock);
    kafka.skips.push({ offset: 0, timestampMs: 0, key: null, value: Buffer.from(text), headers: {} });
    const logged: string[] = [];
    const logger = pino({ level: 'warn' }, { write: (line) => void logged.push(line) });
    const { runtime, folded } = await world(kafka, {}, new Registry(), logger);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => runtime.positions()[0]?.position === 10);
    expect(folded[0]).toEqual(upTo(10));
    expect(logged.filter((line) => line.includes(SKIPS_TOPIC) && line.includes('cannot decode'))).toHaveLength(1);
  });
});

describe('a deadline on which the topology fails every time', () => {
  /** Key k3 falls due at the record with offset 8; a deadline of it fails. */
  const failing = (): Partial<Topology<TestEvent>> => {
    const base = testTopology('runtime');
    return {
      outputs: [...base.outputs, 'dead-letters'],
      deadLetter: ({ offset, entry }, why) => ({ key: 'k', value: Buffer.from(`${offset}, ${entry?.key}: ${why}`) }),
      process(record, context) {
        const due = record.offset === 3 || record.offset === 4 ? 7 : null;
        base.process({ ...record, value: { ...record.value, due } }, context);
      },
      onDue(key, context) {
        if (key === 'k3') throw new Error('broken');
        base.onDue!(key, context);
      },
    };
  };
  const stateOf = (kafka: ScriptedKafka): Map<string, string> => {
    const state = new Map<string, string>();
    for (const { key, value } of kafka.changelogs[0]!) {
      if (value === null) state.delete(String(key));
      else state.set(String(key), value.subarray(13).toString());
    }
    return state;
  };

  it('stops its partition with the record that moved the clock; a skip removes the entry and folds the record', async () => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka, failing());
    kafka.ends[0] = 20;
    kafka.give(1);
    await until(() => runtime.positions()[0]?.state === 'stopped');
    expect(runtime.positions()).toMatchObject([{ failingOffset: 8, failingPart: 'deadline' }]);
    const skip = { topic: TEST_INPUT, partition: 0, offset: 8, scope: 'deadlines' as const, reason: 'it is damaged' };
    const { key, value } = encodeSkip(skip, clock.wallMs());
    kafka.skips.push({ offset: 0, timestampMs: 0, key: Buffer.from(key!), value, headers: {} });
    await until(() => kafka.committed[0]?.offset === 20);
    expect(runtime.positions()).toMatchObject([{ state: 'running', position: 20 }]);
    expect(kafka.deadLetters).toEqual(['8, k3: it is damaged']);
    const state = stateOf(kafka);
    expect([...state.keys()].sort()).toEqual(
      upTo(20)
        .filter((offset) => offset !== 3)
        .map((offset) => `k${offset}`)
        .sort(),
    );
    expect(state.get('k4')).toBe('{"count":1,"due":null}');
    await ended(runtime.stop());
    // A replay gives the same.
    const again = new ScriptedKafka(clock);
    again.skips.push(...kafka.skips);
    const { runtime: replay } = await world(again, failing());
    again.ends[0] = 20;
    again.give(1);
    await until(() => replay.positions()[0]?.position === 20);
    expect(stateOf(again)).toEqual(state);
    expect(again.deadLetters).toEqual(kafka.deadLetters);
  });
});

describe('a changelog entry that cannot be restored', () => {
  it.each<[string, (value: Buffer) => Buffer]>([
    ['its state', (value) => value.subarray(0, value.length - 1)],
    ['its header', (value) => value.subarray(0, 5)],
  ])('stops the partition, named by its offset and without its key, when %s is damaged', async (_, damage) => {
    const kafka = new ScriptedKafka(clock);
    const { runtime } = await world(kafka);
    kafka.ends[0] = 10;
    kafka.give(1);
    await until(() => kafka.committed[0]?.offset === 10);
    await ended(runtime.stop());
    const entry = kafka.changelogs[0]![3]!;
    entry.value = damage(entry.value!);
    const logged: string[] = [];
    const logger = pino({ level: 'error' }, { write: (line) => void logged.push(line) });
    const { runtime: second } = await world(kafka, {}, new Registry(), logger);
    kafka.give(2);
    await until(() => logged.length > 0);
    expect(second.positions()[0]?.state).toBe('stopped');
    expect(logged[0]).toContain('partition stopped: an entry of its changelog cannot be read');
    expect(logged[0]).toContain('runtime-changelog[0], offset 3: ');
    expect(logged[0]).not.toContain('k3');
  });
});
