import { describe, expect, it } from 'vitest';
import { DeadlineFailedError } from './errors.ts';
import { decodeCheckpoint, encodeCheckpoint, isBefore } from './position.ts';
import { TaskCore, type Limits } from './task-core.ts';
import { testTopology, type TestEvent, type TestState } from './testing.ts';
import type { Topology } from './topology.ts';

/** The steps of one record: deadlines, its fold, and what is due at once. */

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
