/** Splits changes into batches that each fit a Kafka record: one late event may change every trait event of a cart. */
import type { TraitChange } from '../../schemas/types.ts';

/** A change without its texts, at most. */
const CHANGE_BYTES = 128;
/** A product without its id, at most. */
const PRODUCT_BYTES = 32;
/** UTF-8 bytes that one UTF-16 unit can take. */
const UNIT_BYTES = 3;

/**
 * The changes in order, in batches that are encoded into at most about `maxBytes` each, except for a single change that
 * is larger by itself. Returns at least one batch, which may be empty.
 */
export function splitChanges(changes: readonly TraitChange[], maxBytes = 1024 * 1024): TraitChange[][] {
  let batch: TraitChange[] = [];
  let size = 0;
  const batches = [batch];
  for (const change of changes) {
    const bytes = sizeOf(change);
    if (batch.length > 0 && size + bytes > maxBytes) {
      batch = [];
      batches.push(batch);
      size = 0;
    }
    batch.push(change);
    size += bytes;
  }
  return batches;
}

function sizeOf({ status, previous_status: previous, store_id: store, mode, products }: TraitChange): number {
  const units = status.length + (previous?.length ?? 0) + (store?.length ?? 0) + (mode?.length ?? 0);
  const listed = (products ?? []).reduce((sum, { product_id: id }) => sum + PRODUCT_BYTES + UNIT_BYTES * id.length, 0);
  return CHANGE_BYTES + UNIT_BYTES * units + listed;
}
