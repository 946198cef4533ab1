import { describe, expect, it } from 'vitest';
import { MAX_RECORD_BYTES } from '../kafka/limits.ts';
import { decodeChange, encodeChange, isReflected } from './changelog.ts';
import { nextLogTime } from './clock.ts';
import { DeadlineFailedError } from './errors.ts';
import { decodeCheckpoint, encodeCheckpoint, isBefore } from './position.ts';
import { RecordTooLargeError, TaskCore, type Change, type Limits } from './task-core.ts';
import { testTopology, type TestEvent, type TestState } from './testing.ts';
import type { Topology } from './topology.ts';

const topology = testTopology('test');

function take(core: TaskCore<TestEvent>, key: string, value: TestEvent, limits: Partial<Limits> = {}): boolean {
  core.begin({ key, value, offset: core.position.offset, partition: 0 }, 0);
  return core.advance({ effects: Infinity, bytes: Infinity, ...limits });
}

const encodeState = (state: TestState): Buffer => Buffer.from(JSON.stringify(state));

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
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

  describe('what is due at once', () => {
    const AT_ONCE = -1;
    /** Counts the key of each record down from `due`, a step each, and names each step. */
    const counting: Topology<TestEvent> = {
      ...topology,
      state: { dueOf: (value) => (value[0] === 0 ? undefined : AT_ONCE) },
      process: ({ key, value }, { store, forward, offset }) => {
        forward('trait-events', key, Buffer.from(`folded ${offset}`));
        store.put(key, Buffer.of(value.due ?? 0));
        store.put(`${key} too`, Buffer.of(value.due ?? 0));
      },
      onDue: (key, { store, forward, offset }) => {
        const left = store.get(key)![0]! - 1;
        forward('trait-events', key, Buffer.from(`${left} left at ${offset}`));
        store.put(key, Buffer.of(left));
        // The last step makes something else due at once.
        if (left === 0 && !key.startsWith('after')) store.put(`after ${key}`, Buffer.of(1));
      },
    };
    const steps = (core: TaskCore<TestEvent>, keys: readonly string[], limits: Partial<Limits> = {}) => {
      const outputs: string[] = [];
      const collect = (): void => {
        for (const { key, value } of core.takeEffects().outputs) outputs.push(`${key}: ${String(value)}`);
      };
      for (const key of keys) {
        const { offset } = core.position;
        core.begin({ key, value: { at: offset, op: 'count', due: 3 }, offset, partition: 0 }, 0);
        while (!core.advance({ effects: Infinity, bytes: Infinity, ...limits })) collect();
        collect();
      }
      return outputs;
    };

    it('is handled after the fold of its record and before the next one, in order of keys', () => {
      expect(steps(new TaskCore(counting), ['b', 'a'])).toEqual([
        ...['b: folded 0', 'b: 2 left at 0', 'b: 1 left at 0', 'b: 0 left at 0', 'after b: 0 left at 0'],
        ...['b too: 2 left at 0', 'b too: 1 left at 0', 'b too: 0 left at 0', 'after b too: 0 left at 0'],
        ...['a: folded 1', 'a: 2 left at 1', 'a: 1 left at 1', 'a: 0 left at 1'],
        ...['a too: 2 left at 1', 'a too: 1 left at 1', 'a too: 0 left at 1'],
        ...['after a: 0 left at 1', 'after a too: 0 left at 1'],
      ]);
    });

    it('gives the same wherever transactions end, also when another process continues after each of them', () => {
      const whole = steps(new TaskCore(counting), ['b', 'a', 'c']);
      for (let effects = 1; effects < 12; effects++) {
        expect(steps(new TaskCore(counting), ['b', 'a', 'c'], { effects })).toEqual(whole);
      }
      const outputs: string[] = [];
      let state = new Map<string, Buffer>();
      let checkpoint = decodeCheckpoint(0, encodeCheckpoint({ position: { offset: 0, step: 0 }, logTimeMs: 0 }));
      let lives = 0;
      for (let previous = { offset: 0, step: -1 }; checkpoint.position.offset < 3; lives++) {
        const core = new TaskCore(counting, checkpoint);
        for (const [key, value] of state) core.restore(key, value);
        const { offset } = checkpoint.position;
        core.begin({ key: 'bac'[offset]!, value: { at: offset, op: 'count', due: 3 }, offset, partition: 0 }, 0);
        core.advance({ effects: 1, bytes: Infinity });
        const { outputs: made, changes } = core.takeEffects();
        for (const { key, value } of made) outputs.push(`${key}: ${String(value)}`);
        for (const { position } of changes.values()) expect(isBefore(position, core.position)).toBe(true);
        expect(isBefore(previous, core.position)).toBe(true);
        previous = core.position;
        const { position, logTimeMs, isFolded } = core;
        checkpoint = decodeCheckpoint(position.offset, encodeCheckpoint({ position, logTimeMs, isFolded }));
        state = new Map([...core.state()].map(([key, value]) => [key, Buffer.from(value)]));
      }
      expect(outputs).toEqual(whole);
      expect(lives).toBeGreaterThan(20);
    });

    it('ends a transaction when its time is up', () => {
      const core = new TaskCore(counting);
      let transactions = 0;
      core.begin({ key: 'a', value: { at: 0, op: 'count', due: 3 }, offset: 0, partition: 0 }, 0);
      for (; !core.advance({ effects: Infinity, bytes: Infinity, isTimeUp: () => true }); transactions++) {
        core.takeEffects();
      }
      expect(transactions).toBe(8);
    });

    it('comes before the other deadlines when a deadline makes it due, and is shown as due now', () => {
      const core = new TaskCore<TestEvent>({
        ...topology,
        state: { dueOf: (value) => (value.length === 0 ? undefined : value.readInt32BE()) },
        process: ({ key, value }, { store }) => store.put(key, int32(value.due ?? 0)),
        onDue: (key, { store, forward }) => {
          forward('trait-events', key, Buffer.alloc(0));
          store.put(key, Buffer.alloc(0));
          if (!key.startsWith('z')) store.put(`z${key}`, int32(AT_ONCE));
        },
      });
      for (const [key, due] of Object.entries({ a: 5, b: 6 })) take(core, key, { at: 1, op: 'count', due });
      core.takeEffects();
      take(core, 'c', { at: 9, op: 'count', due: 20 }, { effects: 2 });
      core.takeEffects();
      expect(core.earliestDueMs).toBe(9);
      core.advance({ effects: Infinity, bytes: Infinity });
      const outputs = core.takeEffects().outputs.map(({ key }) => key);
      expect(outputs).toEqual(['za', 'b', 'zb']);
      expect(core.earliestDueMs).toBe(20);
    });

    it('must change in each step', () => {
      const stuck = new TaskCore({ ...counting, onDue: () => undefined });
      expect(() => take(stuck, 'a', { at: 1, op: 'count', due: 2 })).toThrow('still due at -1, unchanged');
    });
  });

  describe('a deadline that fails at a skipped record', () => {
    const failing: Topology<TestEvent> = {
      ...topology,
      outputs: [...topology.outputs, 'dead-letters'],
      onDue: (key, context) => {
        topology.onDue!(key, context);
        if (key !== 'bad') return;
        context.store.delete('a');
        context.store.put('new', encodeState({ count: 9, due: 3 }));
        throw new Error('broken');
      },
    };
    const ofEntry = (key: string, value: Buffer) => [{ topic: 'dead-letters' as const, key, value }];

    it.each([
      ['record', [], ['a', 'bad']],
      ['deadlines', ['trait-events x'], ['a', 'bad', 'x']],
    ] as const)('is undone and removes its entry alone (%s)', (scope, folded, changed) => {
      const core = new TaskCore(failing);
      for (const key of ['a', 'bad']) take(core, key, { at: 1, op: 'count', due: key === 'a' ? 6 : 5 });
      core.takeEffects();
      const [, bad] = [...core.state()].map(([, value]) => Buffer.from(value));
      const record = scope === 'record' ? [] : null;
      core.begin({ key: 'x', value: { at: 9, op: 'count' }, offset: 2, partition: 0 }, 0, { record, ofEntry });
      expect(core.advance({ effects: Infinity, bytes: Infinity })).toBe(true);
      const { outputs, changes } = core.takeEffects();
      expect(outputs.map(({ topic, key }) => `${topic} ${key}`)).toEqual([
        'dead-letters bad',
        'trait-events a',
        ...folded,
      ]);
      expect(outputs[0]?.value).toEqual(bad);
      expect([...changes.keys()].sort()).toEqual(changed);
      expect(changes.get('bad')?.value).toBeNull();
      expect([...core.state()].map(([key]) => key)).not.toContain('new');
      expect(core.earliestDueMs).toBeUndefined();
    });

    it('stops a record that is not skipped, and names the deadline as what fails', () => {
      const core = new TaskCore(failing);
      take(core, 'bad', { at: 1, op: 'count', due: 5 });
      expect(() => take(core, 'x', { at: 9, op: 'count' })).toThrow(DeadlineFailedError);
    });
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
