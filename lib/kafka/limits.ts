/**
 * `max.message.bytes` of all topics, the maximum size of a batch. An event contains its raw body (up to 1 MiB) besides
 * its fields.
 */
export const MAX_MESSAGE_BYTES = 4 << 20;
/** Bytes of a batch besides the key and value of its only record: lengths, offsets, small headers. */
const BATCH_OVERHEAD_BYTES = 1024;
/** Maximum size of the key and value of one record. Every topic rejects a larger record, so a retry does not help. */
export const MAX_RECORD_BYTES = MAX_MESSAGE_BYTES - BATCH_OVERHEAD_BYTES;
