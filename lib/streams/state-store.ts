/** Where a task keeps its state. Keys are in no order. */
export interface StateStore {
  /** A view that later puts do not change. Do not write to it. */
  get(key: string): Buffer | undefined;
  /** Copies the value. */
  put(key: string, value: Buffer): void;
  delete(key: string): void;
  entries(): IterableIterator<[string, Buffer]>;
  readonly size: number;
}

/** Bits of a location that hold the offset in a slab. Larger entries get a slab of their own. */
const SLAB_BITS = 18;
const SLAB_BYTES = 2 ** SLAB_BITS;
/** Each entry begins with the lengths of its key and value, 4 bytes each. */
const HEADER_BYTES = 8;
/** Wasted space up to this size never causes compaction. */
const SLACK_BYTES = 16 * SLAB_BYTES;

interface Slab {
  buf: Buffer;
  used: number;
  /** Bytes of current entries. */
  live: number;
}

/**
 * State in memory, restored from the changelog whenever a task opens. Entries are appended to slabs one after another:
 * a separate Buffer for each entry would need more memory than the state itself, and a Buffer from Node's pool would
 * keep its whole 8 KiB block alive. Slabs with few current entries are copied into the current slab, one slab at a
 * time.
 */
export class MemoryStore implements StateStore {
  /** The location of each key's entry: slab × SLAB_BYTES + offset. */
  private readonly locations = new Map<string, number>();
  private readonly slabs = new Map<number, Slab>();
  private current = -1;
  private nextSlab = 0;
  private usedBytes = 0;
  private liveBytes = 0;

  get size(): number {
    return this.locations.size;
  }

  /** Bytes used in all slabs, including stale entries. */
  get bytes(): number {
    return this.usedBytes;
  }

  get(key: string): Buffer | undefined {
    const location = this.locations.get(key);
    return location === undefined ? undefined : this.valueAt(location);
  }

  put(key: string, value: Buffer): void {
    const before = this.locations.get(key);
    if (before !== undefined) this.release(before);
    this.locations.set(key, this.append(key, value));
    this.compact();
  }

  delete(key: string): void {
    const location = this.locations.get(key);
    if (location === undefined) return;
    this.locations.delete(key);
    this.release(location);
    this.compact();
  }

  *entries(): IterableIterator<[string, Buffer]> {
    for (const [key, location] of this.locations) yield [key, this.valueAt(location)];
  }

  private valueAt(location: number): Buffer {
    const { buf } = this.slabs.get(Math.floor(location / SLAB_BYTES))!;
    const at = location % SLAB_BYTES;
    const from = at + HEADER_BYTES + buf.readUInt32LE(at);
    return buf.subarray(from, from + buf.readUInt32LE(at + 4));
  }

  private append(key: string, value: Buffer): number {
    const keyBytes = Buffer.byteLength(key, 'utf8');
    const bytes = HEADER_BYTES + keyBytes + value.length;
    const id = this.slabFor(bytes);
    const slab = this.slabs.get(id)!;
    const { buf, used } = slab;
    buf.writeUInt32LE(keyBytes, used);
    buf.writeUInt32LE(value.length, used + 4);
    buf.write(key, used + HEADER_BYTES, keyBytes, 'utf8');
    value.copy(buf, used + HEADER_BYTES + keyBytes);
    slab.used += bytes;
    slab.live += bytes;
    this.liveBytes += bytes;
    return id * SLAB_BYTES + used;
  }

  private slabFor(bytes: number): number {
    const slab = this.slabs.get(this.current);
    if (slab !== undefined && slab.used + bytes <= slab.buf.length) return this.current;
    const id = this.nextSlab++;
    const size = Math.max(SLAB_BYTES, bytes);
    // Not from Node's pool, and not cleared: it is written before it is read.
    this.slabs.set(id, { buf: Buffer.allocUnsafeSlow(size), used: 0, live: 0 });
    this.usedBytes += size;
    // A large entry has a slab to itself; the current one is still good for small ones.
    if (size === SLAB_BYTES) this.current = id;
    return id;
  }

  private release(location: number): void {
    const id = Math.floor(location / SLAB_BYTES);
    const slab = this.slabs.get(id)!;
    const at = location % SLAB_BYTES;
    const bytes = HEADER_BYTES + slab.buf.readUInt32LE(at) + slab.buf.readUInt32LE(at + 4);
    slab.live -= bytes;
    this.liveBytes -= bytes;
    if (slab.live === 0 && id !== this.current) this.drop(id, slab);
  }

  private drop(id: number, slab: Slab): void {
    this.slabs.delete(id);
    this.usedBytes -= slab.buf.length;
  }

  /** Empties the slab with the fewest current bytes when more than half of all space is wasted. */
  private compact(): void {
    if (this.usedBytes < 2 * this.liveBytes + SLACK_BYTES) return;
    let poorest: [number, Slab] | undefined;
    for (const entry of this.slabs) {
      if (entry[0] !== this.current && (poorest === undefined || entry[1].live < poorest[1].live)) poorest = entry;
    }
    if (poorest === undefined) return;
    const [id, slab] = poorest;
    const { buf, used } = slab;
    for (let at = 0; at < used;) {
      const keyBytes = buf.readUInt32LE(at);
      const valueFrom = at + HEADER_BYTES + keyBytes;
      const end = valueFrom + buf.readUInt32LE(at + 4);
      const key = buf.toString('utf8', at + HEADER_BYTES, valueFrom);
      if (this.locations.get(key) === id * SLAB_BYTES + at) {
        this.locations.set(key, this.append(key, buf.subarray(valueFrom, end)));
        this.liveBytes -= end - at;
      }
      at = end;
    }
    this.drop(id, slab);
  }
}
