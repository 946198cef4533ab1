/** One cart's life: both traits, exact under any order, repeat and restart. See README.md. */
export {
  DEFAULT_HORIZON_MS,
  EVENT_LIMIT,
  STATE_SIZE_LIMIT,
  concludeDue,
  dueOf,
  foldCart,
  type Concluded,
  type Folded,
} from './fold.ts';
export { splitChanges } from './split.ts';
export { BLANK_SNAPSHOT, decodeState, snapshotOf, type DecodedState } from './snapshot.ts';
export { orderBytesOf } from './order.ts';
export { UnknownVersionError } from './format.ts';
export { Scratch } from './scratch.ts';
