import type { KafkaRecord } from '../types.ts';

interface Entry {
  offset: number;
  producerId: number | null;
  /** Undecided until the marker of the transaction; records outside of transactions are committed at once. */
  fate: 'open' | 'committed' | 'aborted' | 'marker';
  /** Null for a marker, and once compaction took it. */
  record: KafkaRecord | null;
}

export type Isolation = 'read_committed' | 'read_uncommitted';

export interface ReadResult {
  records: KafkaRecord[];
  nextOffset: number;
}

/** One partition: records and transaction markers in the order of their offsets. */
export class SimulatedLog {
  private readonly entries: Entry[] = [];
  /** Offset of the first record of each open transaction, by producer id. */
  private readonly open = new Map<number, number>();
  private readonly waiting = new Set<() => void>();
  private first = 0;

  constructor(
    readonly topic: string,
    readonly partition: number,
  ) {}

  get beginning(): number {
    return this.first;
  }

  get highWatermark(): number {
    return this.entries.length;
  }

  get lastStableOffset(): number {
    return Math.min(this.highWatermark, ...this.open.values());
  }

  /** Appends a record outside of transactions, or (with a producer id) in the open transaction of a producer. */
  append(record: Omit<KafkaRecord, 'offset'>, producerId: number | null): number {
    const offset = this.highWatermark;
    if (producerId !== null && !this.open.has(producerId)) this.open.set(producerId, offset);
    const fate = producerId === null ? 'committed' : 'open';
    this.entries.push({ offset, producerId, fate, record: { ...record, offset } });
    this.changed();
    return offset;
  }

  /** Ends a producer's transaction in this partition. */
  mark(producerId: number, isCommitted: boolean): void {
    const from = this.open.get(producerId) ?? this.highWatermark;
    for (const entry of this.entries.slice(from)) {
      if (entry.producerId === producerId && entry.fate === 'open') entry.fate = isCommitted ? 'committed' : 'aborted';
    }
    this.open.delete(producerId);
    this.entries.push({ offset: this.highWatermark, producerId, fate: 'marker', record: null });
    this.changed();
  }

  /** As retention does: offsets before this one are no longer in the log. */
  deleteBefore(offset: number): void {
    this.first = Math.max(this.first, Math.min(offset, this.highWatermark));
  }

  /**
   * As compaction does: of each key only the last committed record stays, among those whose fate is decided. Offsets
   * stay as they are.
   */
  compact(): void {
    const latest = new Map<string, Entry>();
    for (const entry of this.entries.slice(0, this.lastStableOffset)) {
      const { record, fate } = entry;
      if (record === null) continue;
      const key = String(record.key);
      const superseded = fate === 'committed' ? latest.get(key) : entry;
      if (fate === 'committed') latest.set(key, entry);
      if (superseded !== undefined) superseded.record = null;
    }
  }

  isInLog(offset: number): boolean {
    return offset >= this.first && offset <= this.highWatermark;
  }

  /** Up to `maxRecords` records from an offset that is in the log. */
  read(offset: number, isolation: Isolation, maxRecords: number): ReadResult {
    const end = isolation === 'read_committed' ? this.lastStableOffset : this.highWatermark;
    const result: ReadResult = { records: [], nextOffset: offset };
    while (result.nextOffset < end && result.records.length < maxRecords) {
      const { record, fate } = this.entries[result.nextOffset++]!;
      if (record !== null && !(isolation === 'read_committed' && fate === 'aborted')) result.records.push(record);
    }
    return result;
  }

  /** Records that a producer's committed transactions have in the log, from an offset on. */
  committedBy(producerId: number, from: number): KafkaRecord[] {
    return this.entries
      .slice(from)
      .flatMap((entry) =>
        entry.producerId === producerId && entry.fate === 'committed' && entry.record !== null ? [entry.record] : [],
      );
  }

  /** The record at an offset, if it is committed. */
  committedAt(offset: number): KafkaRecord | undefined {
    const entry = this.entries[offset];
    return entry?.fate === 'committed' && entry.record !== null ? entry.record : undefined;
  }

  /** Calls once at the next change. */
  onChange(listener: () => void): void {
    this.waiting.add(listener);
  }

  removeListener(listener: () => void): void {
    this.waiting.delete(listener);
  }

  private changed(): void {
    const listeners = [...this.waiting];
    this.waiting.clear();
    for (const listener of listeners) listener();
  }
}
