import type { Topology } from '../../lib/streams/index.ts';
import { TEST_INPUT, TEST_OUTPUT } from '../../lib/streams/testing.ts';

/**
 * Emits the first record of every key and nothing for repeats, as deliveries with ids are handled. State that got ahead
 * of what was committed shows at once: its input is taken for a repeat, and lost forever.
 */
export const once: Topology<Buffer> = {
  name: 'once',
  input: { topic: TEST_INPUT, decode: (value) => value, clock: (value) => ({ causeMs: Number(value.toString()) }) },
  outputs: [TEST_OUTPUT],
  state: { dueOf: () => undefined },
  process({ key, value }, { store, forward }) {
    if (store.get(key) !== undefined) return;
    store.put(key, value);
    forward(TEST_OUTPUT, key, value);
  },
};
