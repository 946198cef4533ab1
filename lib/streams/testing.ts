import type { TopicName } from '../topics.ts';
import type { Topology } from './topology.ts';

/**
 * A topology for tests of the runtime itself: it counts the events of a key, and concludes a key at the time that
 * an event has set. Its outputs contain what it saw, so that a wrong order, clock or state shows.
 */
export interface TestEvent {
  /** Log time that the event carries as its cause. */
  at: number;
  /** `tick` does nothing; `drop` deletes the state of the key. */
  op: 'count' | 'drop' | 'tick';
  /** From now on the key is due then; null: never. Left out: as before. */
  due?: number | null;
}

export interface TestState {
  count: number;
  due: number | null;
}

const toBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), 'utf8');
const fromBytes = <T>(value: Buffer): T => JSON.parse(value.toString('utf8')) as T;

export const encodeEvent = (event: TestEvent): Buffer => toBytes(event);
export const decodeState = (value: Buffer): TestState => fromBytes<TestState>(value);

export const TEST_INPUT: TopicName = 'cart-events';
export const TEST_OUTPUT: TopicName = 'trait-events';

/** `clock`: whether events come from inside (their `at` is the clock) or from outside (their `at` is their producer's). */
export function testTopology(name: string, clock: 'cause' | 'producer' = 'cause'): Topology<TestEvent> {
  return {
    name,
    input: {
      topic: TEST_INPUT,
      decode: (value) => fromBytes<TestEvent>(value),
      clock: ({ at }) => (clock === 'cause' ? { causeMs: at } : { producerClockMs: at }),
    },
    outputs: [TEST_OUTPUT],
    state: { dueOf: (value) => decodeState(value).due ?? undefined },
    tick: { encode: (nowMs) => ({ key: '', value: toBytes({ at: nowMs, op: 'tick' }) }) },
    process({ key, value }, { store, forward, logTimeMs, offset }) {
      if (value.op === 'tick') return;
      const before = store.get(key);
      const { count, due } = before === undefined ? { count: 0, due: null } : decodeState(before);
      if (value.op === 'drop') store.delete(key);
      else store.put(key, toBytes({ count: count + 1, due: value.due === undefined ? due : value.due }));
      forward(TEST_OUTPUT, key, toBytes({ op: value.op, count: count + 1, offset, log_time: logTimeMs }));
    },
    onDue(key, { store, forward, logTimeMs, offset }) {
      const state = decodeState(store.get(key)!);
      store.put(key, toBytes({ ...state, due: null }));
      forward(
        TEST_OUTPUT,
        key,
        toBytes({ op: 'due', due: state.due, count: state.count, offset, log_time: logTimeMs }),
      );
    },
  };
}
