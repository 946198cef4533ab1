import { KeyIndex } from './key-index.ts';
import type { StateStore } from './state-store.ts';

/**
 * A store that also yields the entries of some prefixes in order. Other keys cost nothing more than in the store. Each
 * prefix has an index of its own, so that looking for the entries of one does not depend on how many the others have.
 */
export class ScannableStore implements StateStore {
  private readonly indexes: readonly { prefix: string; keys: KeyIndex }[];

  /** @param prefixes those that may be scanned; the store must be empty */
  constructor(
    private readonly store: StateStore,
    prefixes: readonly string[],
  ) {
    const isWithinOther = (prefix: string): boolean =>
      prefixes.some((other) => other !== prefix && prefix.startsWith(other));
    this.indexes = [...new Set(prefixes)]
      .filter((prefix) => !isWithinOther(prefix))
      .map((prefix) => ({ prefix, keys: new KeyIndex() }));
  }

  get size(): number {
    return this.store.size;
  }

  get(key: string): Buffer | undefined {
    return this.store.get(key);
  }

  put(key: string, value: Buffer): void {
    this.store.put(key, value);
    this.indexOf(key)?.add(key);
  }

  delete(key: string): void {
    this.store.delete(key);
    this.indexOf(key)?.delete(key);
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
    const keys = this.indexOf(prefix);
    if (keys === undefined) throw new Error('a prefix is scanned that the topology has not declared');
    const isWithin = (key: string | undefined): key is string => key?.startsWith(prefix) === true;
    let key = keys.atOrAfter(from > prefix ? from : prefix);
    while (isWithin(key)) {
      const value = this.store.get(key);
      if (value !== undefined) yield [key, value];
      // The least key after this one.
      key = keys.atOrAfter(`${key}\0`);
    }
  }

  private indexOf(key: string): KeyIndex | undefined {
    for (const { prefix, keys } of this.indexes) if (key.startsWith(prefix)) return keys;
    return undefined;
  }
}
