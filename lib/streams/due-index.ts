/** What is due, and when. */
export interface Due {
  readonly dueMs: number;
  readonly key: string;
}

interface Entry {
  dueMs: number;
  readonly key: string;
  /** Its place in the heap. */
  at: number;
}

const before = (a: Entry, b: Entry): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.key < b.key);

/**
 * Keys ordered by due time, then by key. A binary heap whose entries know their places, so that one is moved or removed
 * in a few steps: no change takes longer because of those before it.
 */
export class DueIndex {
  private readonly entries = new Map<string, Entry>();
  private readonly heap: Entry[] = [];

  get size(): number {
    return this.heap.length;
  }

  /** Sets, moves or (undefined) removes a key. */
  set(key: string, dueMs: number | undefined): void {
    const known = this.entries.get(key);
    if (dueMs === undefined) {
      if (known !== undefined) this.remove(known);
      return;
    }
    if (known === undefined) {
      const entry = { dueMs, key, at: this.heap.length };
      this.entries.set(key, entry);
      this.heap.push(entry);
      this.rise(entry);
      return;
    }
    if (known.dueMs === dueMs) return;
    const isEarlier = dueMs < known.dueMs;
    known.dueMs = dueMs;
    if (isEarlier) this.rise(known);
    else this.sink(known);
  }

  /** The earliest entry, which is not removed. */
  first(): Due | undefined {
    const top = this.heap[0];
    return top && { dueMs: top.dueMs, key: top.key };
  }

  /** Removes the keys that are due by `nowMs`, at most `max` of them, and returns them in their order. */
  take(nowMs: number, max: number): string[] {
    const keys: string[] = [];
    for (let top = this.heap[0]; top !== undefined && keys.length < max; top = this.heap[0]) {
      if (top.dueMs > nowMs) break;
      keys.push(top.key);
      this.remove(top);
    }
    return keys;
  }

  private remove(entry: Entry): void {
    this.entries.delete(entry.key);
    const last = this.heap.pop()!;
    if (last === entry) return;
    this.place(last, entry.at);
    this.rise(last);
    this.sink(last);
  }

  private place(entry: Entry, at: number): void {
    this.heap[at] = entry;
    entry.at = at;
  }

  private rise(entry: Entry): void {
    const { heap } = this;
    let i = entry.at;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      this.place(heap[parent]!, i);
      i = parent;
    }
    this.place(entry, i);
  }

  private sink(entry: Entry): void {
    const { heap } = this;
    let i = entry.at;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, entry)) break;
      this.place(heap[child]!, i);
      i = child;
    }
    this.place(entry, i);
  }
}
