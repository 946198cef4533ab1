/** Changes in parts that fit a record of Kafka: one late event may change every trait event of a cart. */
import type { TraitChange } from '../../schemas/types.ts';

/** A change without its texts, at most. */
const CHANGE_BYTES = 128;
/** A product without its id, at most. */
const PRODUCT_BYTES = 32;
/** UTF-8 bytes that one UTF-16 unit can take. */
const UNIT_BYTES = 3;

/**
 * The changes in order, cut so that no part is encoded into more than about `maxBytes`, but for a single change that is
 * larger by itself. At least one part, which may be empty.
 */
export function inParts(changes: readonly TraitChange[], maxBytes = 1024 * 1024): TraitChange[][] {
  let part: TraitChange[] = [];
  let size = 0;
  const parts = [part];
  for (const change of changes) {
    const bytes = sizeOf(change);
    if (part.length > 0 && size + bytes > maxBytes) {
      part = [];
      parts.push(part);
      size = 0;
    }
    part.push(change);
    size += bytes;
  }
  return parts;
}

function sizeOf({ status, previous_status: previous, store_id: store, mode, products }: TraitChange): number {
  const units = status.length + (previous?.length ?? 0) + (store?.length ?? 0) + (mode?.length ?? 0);
  const listed = (products ?? []).reduce((sum, { product_id: id }) => sum + PRODUCT_BYTES + UNIT_BYTES * id.length, 0);
  return CHANGE_BYTES + UNIT_BYTES * units + listed;
}
