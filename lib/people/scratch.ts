import { ByteWriter } from '../bytes/index.ts';

/**
 * The writers that encode entries. A caller that folds many records owns one Scratch and passes it to each call. The fold
 * of a record reads nothing that an earlier record has left in it.
 */
export interface Scratch {
  /** For an entry, or for a row of one. */
  readonly entry: ByteWriter;
  /** For what is encoded while an entry is being written. */
  readonly inner: ByteWriter;
}

export const newScratch = (): Scratch => ({ entry: new ByteWriter(), inner: new ByteWriter() });
