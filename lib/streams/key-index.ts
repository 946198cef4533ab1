/** A chunk that grows beyond this is split in two. */
const MAX_CHUNK = 512;

/** A set of keys in the order of their UTF-16 code units, as `<` compares them. */
export class KeyIndex {
  /** Sorted, and each greater than those before; none is empty, except the only one. */
  private readonly chunks: string[][] = [[]];
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(key: string): void {
    const at = this.chunkFor(key);
    const chunk = this.chunks[at]!;
    const place = lowerBound(chunk, key);
    if (chunk[place] === key) return;
    chunk.splice(place, 0, key);
    this.count++;
    if (chunk.length > MAX_CHUNK) this.chunks.splice(at + 1, 0, chunk.splice(MAX_CHUNK / 2));
  }

  delete(key: string): void {
    const at = this.chunkFor(key);
    const chunk = this.chunks[at]!;
    const place = lowerBound(chunk, key);
    if (chunk[place] !== key) return;
    chunk.splice(place, 1);
    this.count--;
    if (chunk.length === 0 && this.chunks.length > 1) this.chunks.splice(at, 1);
  }

  /** The first key that is not less than `key`; undefined if there is none. */
  atOrAfter(key: string): string | undefined {
    const at = this.chunkFor(key);
    const chunk = this.chunks[at]!;
    return chunk[lowerBound(chunk, key)] ?? this.chunks[at + 1]?.[0];
  }

  /** The last chunk that begins at or before the key, or the first one. */
  private chunkFor(key: string): number {
    let [low, high] = [0, this.chunks.length - 1];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.chunks[middle]![0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

/** The place of the first key that is not less than `key`. */
function lowerBound(chunk: readonly string[], key: string): number {
  let [low, high] = [0, chunk.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunk[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
