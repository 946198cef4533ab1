/** Stored states: one codec, a bounds-checked reader and a growing writer, and the check of invariants. No I/O. */
export { DamagedStateError } from './damaged.ts';
export { BrokenInvariantError, invariant } from './invariant.ts';
export { ByteReader, MAX_VARINT_BYTES } from './reader.ts';
export { ByteWriter, sameBytes } from './writer.ts';
