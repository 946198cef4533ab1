/**
 * `max.message.bytes` of all topics: what one batch may have. One event carries its raw body (up to 1 MiB) besides its
 * fields.
 */
export const MAX_MESSAGE_BYTES = 4 << 20;
/** Bytes of a batch besides the key and value of its only record: lengths, offsets, small headers. */
const BATCH_OVERHEAD_BYTES = 1024;
/** Key and value of one record: no topic takes more, however often it is sent. */
export const MAX_RECORD_BYTES = MAX_MESSAGE_BYTES - BATCH_OVERHEAD_BYTES;
