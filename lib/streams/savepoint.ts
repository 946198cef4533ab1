import type { Position } from './position.ts';
import type { StateStore } from './state-store.ts';

/** The last write of a key that is not committed yet. */
export interface Written {
  position: Position;
  bytes: number;
}

interface Before {
  /** Undefined for a key that had no entry. */
  value: Buffer | undefined;
  /** Undefined for a key without an uncommitted write. */
  written: Written | undefined;
}

/** What a deadline has changed, so that it can be undone. */
export class Savepoint {
  readonly entries = new Map<string, Before>();

  /**
   * @param outputs the number of outputs when the deadline fired
   * @param bytes the size of everything uncommitted then
   */
  constructor(
    readonly outputs: number,
    readonly bytes: number,
  ) {}

  /** Call it before a key is written or deleted. */
  keep(key: string, store: StateStore, written: ReadonlyMap<string, Written>): void {
    if (this.entries.has(key)) return;
    this.entries.set(key, { value: store.get(key), written: written.get(key) });
  }
}
