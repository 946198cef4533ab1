import type { Topology } from '../../lib/streams/index.ts';
import { TOPICS } from '../../lib/topics.ts';

export const INPUT = TOPICS.cartEvents;
export const OUTPUT = TOPICS.traitEvents;
export const TOPOLOGY_NAME = 'simulated';

/** One record of the input. */
export interface SimulatedEvent {
  /** Clock of its producer, Unix milliseconds. */
  at: number;
  op: 'count' | 'forget' | 'work' | 'tick';
  /** The key is due then. */
  due?: number;
  /** How many steps the work takes that follows from the record at once. */
  steps?: number;
}

interface State {
  count: number;
  due: number | null;
}

/** One record of the output: everything that the topology saw, so that any difference in it shows. */
export interface SimulatedOutcome {
  key: string;
  op: 'count' | 'forget' | 'due' | 'work' | 'step';
  count: number;
  offset: number;
  log_time: number;
  /** When the entry was due; null unless the outcome is of a deadline. */
  due: number | null;
}

export const toBytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value), 'utf8');
export const fromBytes = <T>(value: Buffer): T => JSON.parse(value.toString('utf8')) as T;

/** Entries of work that is due at once; their count is the number of steps that are left. */
const WORK = 'work ';
const AT_ONCE = -1;

/**
 * Counts the events of each key; an event may make its key due, forget it, or ask for work in several steps. Stateful,
 * with deadlines, ticks, tombstones and several outputs for one input: small, and as easily upset by a lost or repeated
 * record as any other.
 */
export const simulatedTopology: Topology<SimulatedEvent> = {
  name: TOPOLOGY_NAME,
  input: {
    topic: INPUT,
    decode: (value) => fromBytes<SimulatedEvent>(value),
    clock: ({ at }) => ({ producerClockMs: at }),
  },
  outputs: [OUTPUT],
  state: { dueOf: (value) => fromBytes<State>(value).due ?? undefined },
  tick: { encode: (nowMs) => ({ key: '', value: toBytes({ at: nowMs, op: 'tick' } satisfies SimulatedEvent) }) },
  process({ key, value: { op, due, steps = 0 } }, { store, forward, logTimeMs, offset }) {
    if (op === 'tick') return;
    const bytes = store.get(key);
    const before = bytes === undefined ? { count: 0, due: null } : fromBytes<State>(bytes);
    const count = before.count + 1;
    const emit = (outcome: Pick<SimulatedOutcome, 'op' | 'count'>): void =>
      forward(OUTPUT, key, toBytes({ ...outcome, key, offset, log_time: logTimeMs, due: null }));
    if (op === 'forget') {
      store.delete(key);
      emit({ op, count });
      return;
    }
    store.put(key, toBytes({ count, due: due ?? before.due } satisfies State));
    if (steps > 0) store.put(WORK + key, toBytes({ count: steps, due: AT_ONCE } satisfies State));
    emit({ op, count });
    // A second outcome of the same cause now and then: both belong into one block.
    if (count % 4 === 0) emit({ op, count: -count });
  },
  onDue(key, { store, forward, logTimeMs, offset }) {
    const { count, due } = fromBytes<State>(store.get(key)!);
    if (key.startsWith(WORK)) {
      if (count > 1) store.put(key, toBytes({ count: count - 1, due } satisfies State));
      else store.delete(key);
      forward(OUTPUT, key, toBytes({ key, op: 'step', count, offset, log_time: logTimeMs, due }));
      return;
    }
    store.put(key, toBytes({ count, due: null } satisfies State));
    // A deadline may ask for work, too.
    if (count % 3 === 0) store.put(`${WORK}due ${key}`, toBytes({ count: 2, due: AT_ONCE } satisfies State));
    forward(OUTPUT, key, toBytes({ key, op: 'due', count, offset, log_time: logTimeMs, due }));
  },
};
