import { KeyIndex } from './key-index.ts';
import type { StateStore } from './state-store.ts';

/** A store that also yields the entries of some prefixes in order. Other keys cost nothing more than in the store. */
export class ScannableStore implements StateStore {
  private readonly keys = new KeyIndex();

  /** @param prefixes those that may be scanned; the store must be empty */
  constructor(
    private readonly store: StateStore,
    private readonly prefixes: readonly string[],
  ) {}

  get size(): number {
    return this.store.size;
  }

  get(key: string): Buffer | undefined {
    return this.store.get(key);
  }

  put(key: string, value: Buffer): void {
    this.store.put(key, value);
    if (this.isIndexed(key)) this.keys.add(key);
  }

  delete(key: string): void {
    this.store.delete(key);
    if (this.isIndexed(key)) this.keys.delete(key);
  }

  entries(): IterableIterator<[string, Buffer]> {
    return this.store.entries();
  }

  /**
   * The entries whose keys begin with `prefix`, from the key `from` on, in the order of their keys. Entries may be
   * written meanwhile: those behind the current one are seen as they are then. Throws an Error for a prefix that is not
   * within one of the store's prefixes.
   */
  *scan(prefix: string, from = prefix): IterableIterator<[string, Buffer]> {
    if (!this.isIndexed(prefix)) throw new Error('a prefix is scanned that the topology has not declared');
    const isWithin = (key: string | undefined): key is string => key?.startsWith(prefix) === true;
    let key = this.keys.atOrAfter(from > prefix ? from : prefix);
    while (isWithin(key)) {
      const value = this.store.get(key);
      if (value !== undefined) yield [key, value];
      // The least key after this one.
      key = this.keys.atOrAfter(`${key}\0`);
    }
  }

  private isIndexed(key: string): boolean {
    return this.prefixes.some((prefix) => key.startsWith(prefix));
  }
}
