import { detach } from '../kafka/detach.ts';
import type { Batch, Reader } from '../kafka/types.ts';

/** Reading is paused above this size, and resumed below half of it. */
const MAX_BUFFERED_BYTES = 8 << 20;

/** A partition of the input, and the reader that several tasks share. */
export interface InputSource {
  reader: Reader;
  topic: string;
  partition: number;
}

/**
 * Records that were read for one task and are not handled yet. Only the buffer of the current owner controls the
 * reading of the partition.
 */
export class InputBuffer {
  private readonly batches: Batch[] = [];
  private bytes = 0;
  private reading: 'not begun' | 'reading' | 'paused' | 'ended' = 'not begun';
  private failure: Error | null = null;
  private wake: (() => void) | null = null;

  constructor(
    private readonly source: InputSource,
    private readonly owner: object,
  ) {}

  get isEmpty(): boolean {
    return this.batches.length === 0;
  }

  /** Starts reading at an offset. */
  start(offset: number): void {
    const { reader, topic, partition } = this.source;
    this.reading = 'reading';
    reader.seek({ topic, partition, offset, owner: this.owner });
  }

  /** Adds a batch that was read for this owner; ignores every other batch. */
  offer(batch: Batch): void {
    if (batch.owner !== this.owner || this.reading === 'ended' || this.reading === 'not begun') return;
    // What is handled next is not kept for long.
    this.batches.push(this.isEmpty ? batch : { ...batch, records: detach(batch.records) });
    for (const record of batch.records) this.bytes += record.value?.length ?? 0;
    if (this.reading === 'reading' && this.bytes > MAX_BUFFERED_BYTES) {
      this.reading = 'paused';
      this.source.reader.pause(batch.topic, batch.partition);
    }
    this.wake?.();
  }

  /** The input cannot be read any further. The buffered records are still handled. */
  fail(error: Error): void {
    this.failure ??= error;
    this.end();
  }

  /** Stops reading. */
  end(): void {
    const { reader, topic, partition } = this.source;
    this.reading = 'ended';
    reader.remove(topic, partition, this.owner);
    this.wake?.();
  }

  /**
   * Resolves when a batch is available or reading has ended. Throws the failure once everything before it is handled.
   */
  async wait(): Promise<void> {
    if (this.batches.length > 0) return;
    if (this.failure !== null) throw this.failure;
    if (this.reading === 'ended') return;
    await new Promise<void>((resolve) => (this.wake = resolve));
    this.wake = null;
  }

  /** The first batch, with the records that were not taken yet. */
  first(): Batch | undefined {
    return this.batches[0];
  }

  /** Takes the first `count` records out of the first batch. */
  take(count: number): void {
    const { batches, source } = this;
    for (const record of batches[0]?.records.splice(0, count) ?? []) this.bytes -= record.value?.length ?? 0;
    if (this.reading === 'paused' && this.bytes < MAX_BUFFERED_BYTES / 2) {
      this.reading = 'reading';
      source.reader.resume(source.topic, source.partition);
    }
  }

  /** Removes the first batch, once all of its records are taken. */
  shift(): void {
    this.batches.shift();
  }
}
