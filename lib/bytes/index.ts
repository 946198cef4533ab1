/** One byte codec for all stored states: a bounds-checked reader and a growing writer. No I/O. */
export { DamagedStateError } from './damaged.ts';
export { ByteReader, MAX_VARINT_BYTES } from './reader.ts';
export { ByteWriter, sameBytes } from './writer.ts';
