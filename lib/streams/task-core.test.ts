import { describe, expect, it } from 'vitest';
import { MAX_RECORD_BYTES } from '../kafka/limits.ts';
import { decodeChange, encodeChange, isReflected } from './changelog.ts';
import { nextLogTime } from './clock.ts';
import { decodeCheckpoint, encodeCheckpoint } from './position.ts';
import { RecordTooLargeError, TaskCore, type Change, type Limits } from './task-core.ts';
import { testTopology, type TestEvent } from './testing.ts';

const topology = testTopology('test');

function take(core: TaskCore<TestEvent>, key: string, value: TestEvent, limits: Partial<Limits> = {}): boolean {
  core.begin({ key, value, offset: core.position.offset, partition: 0 }, 0);
  return core.advance({ effects: Infinity, bytes: Infinity, ...limits });
}

describe("the log's clock", () => {
  it('follows the append time, bounded by the clock of the producer', () => {
    expect(nextLogTime(0, { producerClockMs: 1_000 }, 1_300)).toBe(1_300);
    expect(nextLogTime(0, { producerClockMs: 1_000 }, 3_601_000)).toBe(61_000);
    expect(nextLogTime(0, { producerClockMs: 9_000_000 }, 1_300)).toBe(1_300);
    expect(nextLogTime(5_000, { producerClockMs: 1_000 }, 1_300)).toBe(5_000);
  });

  it('takes the log time of an internal record unchanged', () => {
    expect(nextLogTime(0, { causeMs: 700 }, 99_000)).toBe(700);
    expect(nextLogTime(800, { causeMs: 700 }, 99_000)).toBe(800);
  });
});

describe('TaskCore', () => {
  it('gives one change per key, with the input that it reflects', () => {
    const core = new TaskCore(topology);
    for (const key of ['a', 'b', 'a']) take(core, key, { at: 1, op: 'count' });
    const { changes, outputs } = core.takeEffects();
    expect([...changes].map(([key, { position }]) => [key, position])).toEqual([
      ['a', { offset: 2, step: 0 }],
      ['b', { offset: 1, step: 0 }],
    ]);
    expect(outputs).toHaveLength(3);
    expect(core.takeEffects()).toEqual({ outputs: [], changes: new Map() });
  });

  it('says nothing of the deletion of what was not there', () => {
    const core = new TaskCore(topology);
    take(core, 'a', { at: 1, op: 'drop' });
    expect(core.takeEffects().changes.size).toBe(0);
  });

  it('stops between two deadlines of one record, and goes on from there elsewhere', () => {
    const whole = new TaskCore(topology);
    const parts = new TaskCore(topology);
    for (const core of [whole, parts]) {
      for (let i = 0; i < 10; i++) take(core, `k${i}`, { at: 1, op: 'count', due: 10 });
      core.takeEffects();
    }
    take(whole, 'x', { at: 20, op: 'count' });
    expect(take(parts, 'x', { at: 20, op: 'count' }, { effects: 6 })).toBe(false);
    const first = parts.takeEffects();
    expect(parts.position).toEqual({ offset: 10, step: 3 });
    // Another process restores what was committed and reads the same record again.
    const checkpoint = decodeCheckpoint(10, encodeCheckpoint({ position: parts.position, logTimeMs: parts.logTimeMs }));
    const next = new TaskCore(topology, checkpoint);
    for (const [key, value] of parts.state()) next.restore(key, value);
    take(next, 'x', { at: 20, op: 'count' });
    expect([...first.outputs, ...next.takeEffects().outputs]).toEqual(whole.takeEffects().outputs);
  });

  it('counts the bytes of what goes out: all outputs, and of a key the last value', () => {
    const sizes = new Map([
      ['small', 10],
      ['large', 1_000],
    ]);
    const core = new TaskCore<TestEvent>({
      ...topology,
      state: { dueOf: () => undefined },
      process: ({ key }, { store, forward }) => {
        store.put('state', Buffer.alloc(sizes.get(key)!));
        forward('trait-events', 'o', Buffer.alloc(99));
      },
    });
    const isFull = (bytes: number) => core.isFull({ effects: Infinity, bytes });
    take(core, 'large', { at: 1, op: 'count' });
    expect([isFull(1_105), isFull(1_106)]).toEqual([true, false]);
    take(core, 'small', { at: 1, op: 'count' });
    expect([isFull(215), isFull(216)]).toEqual([true, false]);
    core.takeEffects();
    expect(isFull(1)).toBe(false);
  });

  describe('refuses at once what Kafka would refuse for ever', () => {
    const making = (put: number, forwarded: number): TaskCore<TestEvent> =>
      new TaskCore<TestEvent>({
        ...topology,
        state: { dueOf: () => undefined },
        process: ({ key }, { store, forward }) => {
          store.put(key, Buffer.alloc(put));
          forward('trait-events', key, Buffer.alloc(forwarded));
        },
      });
    const key = 'ключ';
    const most = MAX_RECORD_BYTES - Buffer.byteLength(key);

    it('a record', () => {
      expect(take(making(1, most), key, { at: 1, op: 'count' })).toBe(true);
      const refused = (): boolean => take(making(1, most + 1), key, { at: 1, op: 'count' });
      expect(refused).toThrow(RecordTooLargeError);
      expect(refused).toThrow(`test, input offset 0: a record of ${MAX_RECORD_BYTES + 1} bytes for trait-events`);
    });

    it('an entry of the state, which stays as it was', () => {
      expect(take(making(most, 1), key, { at: 1, op: 'count' })).toBe(true);
      const core = making(most + 1, 1);
      core.restore(key, Buffer.from('before'));
      expect(() => take(core, key, { at: 1, op: 'count' })).toThrow('for test-changelog');
      expect([...core.state()]).toEqual([[key, Buffer.from('before')]]);
      expect(core.takeEffects()).toEqual({ outputs: [], changes: new Map() });
    });
  });

  it('holds a topology to the outputs that it names', () => {
    const process = topology.process;
    const silent = new TaskCore<TestEvent>({ ...topology, outputs: ['dead-letters'], process });
    expect(() => take(silent, 'a', { at: 1, op: 'count' })).toThrow('test does not write trait-events');
    // Half a record must never be committed.
    expect(() => silent.takeEffects()).toThrow('is not before the commit');
  });

  it('stops between two deadlines when the bytes are enough', () => {
    const core = new TaskCore(topology);
    for (let i = 0; i < 10; i++) take(core, `k${i}`, { at: 1, op: 'count', due: 10 });
    core.takeEffects();
    expect(take(core, 'x', { at: 20, op: 'count' }, { bytes: 1 })).toBe(false);
    expect(core.position).toEqual({ offset: 10, step: 1 });
  });

  it('refuses a deadline that does not go away', () => {
    const stuck = new TaskCore({ ...topology, onDue: () => undefined });
    take(stuck, 'a', { at: 1, op: 'count', due: 5 });
    expect(() => take(stuck, 'b', { at: 9, op: 'count' })).toThrow('still due');
  });

  it('moves log time and fires deadlines by a record that is skipped, but does not fold it', () => {
    const core = new TaskCore({ ...topology, outputs: [...topology.outputs, 'dead-letters'] });
    take(core, 'a', { at: 1, op: 'count', due: 5 });
    core.takeEffects();
    const letter = { topic: 'dead-letters', key: 'b', value: Buffer.from('skipped') } as const;
    const skipping = { record: [letter], ofEntry: () => [] };
    core.begin({ key: 'b', value: { at: 9, op: 'count' }, offset: 1, partition: 0 }, 0, skipping);
    expect(core.advance({ effects: Infinity, bytes: Infinity })).toBe(true);
    const { outputs, changes } = core.takeEffects();
    expect(core.logTimeMs).toBe(9);
    expect(outputs.map(({ topic }) => topic)).toEqual(['trait-events', 'dead-letters']);
    expect([...changes.keys()]).toEqual(['a']);
    expect(core.position).toEqual({ offset: 2, step: 0 });
  });

  it('scans restored and uncommitted entries, without those that a failed deadline wrote', () => {
    const seen: string[] = [];
    const core = new TaskCore<TestEvent>({
      ...topology,
      outputs: ['dead-letters'],
      state: { dueOf: (value) => (value.length === 1 ? 5 : undefined), scanned: ['t/'] },
      process: ({ key, value }, { store }) => {
        store.put(key, Buffer.alloc(value.due ?? 0));
        seen.push([...store.scan('t/')].map(([found]) => found).join(' '));
      },
      onDue: (_, { store }) => {
        store.put('t/never', Buffer.alloc(0));
        throw new Error('broken');
      },
    });
    core.restore('t/5', Buffer.alloc(0));
    core.restore('u/1', Buffer.alloc(0));
    take(core, 't/3', { at: 1, op: 'count' });
    take(core, 't/4', { at: 2, op: 'count', due: 1 });
    const record = { key: 't/6', value: { at: 9, op: 'count' as const }, offset: 2, partition: 0 };
    core.begin(record, 0, { record: null, ofEntry: () => [] });
    core.advance({ effects: Infinity, bytes: Infinity });
    expect(seen).toEqual(['t/3 t/5', 't/3 t/4 t/5', 't/3 t/5 t/6']);
  });

  it('refuses to handle an offset twice', () => {
    const core = new TaskCore(topology);
    take(core, 'a', { at: 1, op: 'count' });
    expect(() => core.begin({ key: 'a', value: { at: 1, op: 'count' }, offset: 0, partition: 0 }, 0)).toThrow('done');
  });

  it('concludes 100,000 entries that are due at once in memory that does not grow with them', () => {
    const core = new TaskCore({
      ...topology,
      state: { dueOf: (value) => (value[0] === 1 ? 1_000 : undefined) },
      process: ({ key }, { store }) => void store.put(key, Buffer.of(1)),
      onDue: (key, { store, forward }) => {
        store.put(key, Buffer.of(0));
        forward('trait-events', key, Buffer.alloc(200));
      },
    });
    const count = 100_000;
    for (let i = 0; i < count; i++) take(core, `k${i}`, { at: 1, op: 'count' });
    core.takeEffects();
    core.begin({ key: 'x', value: { at: 2_000, op: 'tick' }, offset: count, partition: 0 }, 0);
    let fired = 0;
    let largest = 0;
    let lastKey = '';
    for (let done = false; !done;) {
      done = core.advance({ effects: 5_000, bytes: Infinity });
      const { outputs } = core.takeEffects();
      for (const { key } of outputs) {
        expect(key > lastKey).toBe(true);
        lastKey = key;
      }
      fired += outputs.length;
      largest = Math.max(largest, outputs.length);
    }
    expect(fired).toBe(count);
    expect(largest).toBeLessThanOrEqual(5_000);
  });
});

describe('a changelog entry', () => {
  const roundTrip = (change: Change) => {
    const { key, value, headers } = encodeChange('t', 0, 'ключ', change);
    const record = { offset: 0, timestampMs: 0, key: Buffer.from(key!), value, headers: headers ?? {} };
    return decodeChange(record);
  };

  it('carries value and position, also of a tombstone', () => {
    const position = { offset: 9_007_199_254_740_000, step: 3 };
    expect(roundTrip({ value: Buffer.from('v'), position })).toEqual({
      key: 'ключ',
      value: Buffer.from('v'),
      position,
    });
    expect(roundTrip({ value: null, position })).toEqual({ key: 'ключ', value: null, position });
  });

  it('counts only if its input lies before what was committed', () => {
    const entry = roundTrip({ value: null, position: { offset: 5, step: 2 } });
    expect(isReflected(entry, { offset: 5, step: 2 })).toBe(false);
    expect(isReflected(entry, { offset: 5, step: 3 })).toBe(true);
    expect(isReflected(entry, { offset: 6, step: 0 })).toBe(true);
    expect(isReflected(entry, { offset: 5, step: 0 })).toBe(false);
  });
});
