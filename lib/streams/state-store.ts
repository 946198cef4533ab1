/** Where a task keeps its state. Keys are in no order. */
export interface StateStore {
  get(key: string): Buffer | undefined;
  put(key: string, value: Buffer): void;
  delete(key: string): void;
  entries(): IterableIterator<[string, Buffer]>;
  readonly size: number;
  clear(): void;
}

/** State in memory; it is made anew from the changelog whenever a task opens. */
export class MemoryStore implements StateStore {
  private readonly map = new Map<string, Buffer>();

  get size(): number {
    return this.map.size;
  }

  get(key: string): Buffer | undefined {
    return this.map.get(key);
  }

  put(key: string, value: Buffer): void {
    this.map.set(key, value);
  }

  delete(key: string): void {
    this.map.delete(key);
  }

  entries(): IterableIterator<[string, Buffer]> {
    return this.map.entries();
  }

  clear(): void {
    this.map.clear();
  }
}
