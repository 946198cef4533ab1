interface Entry {
  dueMs: number;
  key: string;
}

const before = (a: Entry, b: Entry): boolean => a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.key < b.key);

/** The heap is rebuilt when its stale entries outnumber the current ones by this many. */
const SLACK = 1_024;

/**
 * Keys ordered by due time, then by key. A binary heap: an entry that was moved or removed stays in it as a stale entry
 * until it reaches the top, or until the heap is rebuilt.
 */
export class DueIndex {
  private readonly current = new Map<string, number>();
  private heap: Entry[] = [];

  get size(): number {
    return this.current.size;
  }

  /** Sets, moves or (undefined) removes a key. */
  set(key: string, dueMs: number | undefined): void {
    if (dueMs === undefined) {
      this.current.delete(key);
      return;
    }
    if (this.current.get(key) === dueMs) return;
    this.current.set(key, dueMs);
    this.push({ dueMs, key });
    if (this.heap.length > 2 * this.current.size + SLACK) this.rebuild();
  }

  /** The earliest entry, which is not removed. */
  first(): Readonly<Entry> | undefined {
    for (;;) {
      const top = this.heap[0];
      if (top === undefined || this.current.get(top.key) === top.dueMs) return top;
      this.pop();
    }
  }

  /** Removes the keys that are due by `nowMs`, at most `max` of them, and returns them in their order. */
  take(nowMs: number, max: number): string[] {
    const keys: string[] = [];
    for (let first = this.first(); first !== undefined && keys.length < max; first = this.first()) {
      if (first.dueMs > nowMs) break;
      keys.push(first.key);
      this.set(first.key, undefined);
    }
    return keys;
  }

  private rebuild(): void {
    this.heap = [];
    for (const [key, dueMs] of this.current) this.heap.push({ dueMs, key });
    for (let i = (this.heap.length >> 1) - 1; i >= 0; i--) this.sink(i);
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let i = heap.length;
    heap.push(entry);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(entry, heap[parent]!)) break;
      heap[i] = heap[parent]!;
      i = parent;
    }
    heap[i] = entry;
  }

  private pop(): void {
    const last = this.heap.pop()!;
    if (this.heap.length === 0) return;
    this.heap[0] = last;
    this.sink(0);
  }

  private sink(start: number): void {
    const { heap } = this;
    const entry = heap[start]!;
    let i = start;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, entry)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = entry;
  }
}
