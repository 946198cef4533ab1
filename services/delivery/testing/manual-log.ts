/** Parts of tests: a partition of trait-events whose records a test gives, batch by batch. */
import { localCodec } from '../../../lib/avro/testing.ts';
import type { ManualClock } from '../../../lib/clock/testing.ts';
import type { Batch, Reader } from '../../../lib/kafka/types.ts';
import { TOPICS } from '../../../lib/topics.ts';
import type { Outcome } from '../../../schemas/types.ts';
import type { TraitTailDeps } from '../trait-tail.ts';

export const outcomes = localCodec<Outcome>(TOPICS.traitEvents);

export class ManualLog {
  /** How often reading has begun. */
  readers = 0;
  /** Where the partition ends. */
  end = 0;
  private readOffset = 0;
  private poll: { resolve(batches: Batch[]): void; reject(error: Error): void } | null = null;

  constructor(private readonly clock: ManualClock) {}

  readonly kafka: TraitTailDeps['kafka'] = {
    createReader: () => this.reader,
    endOf: () => Promise.resolve(this.end),
  };

  private readonly reader = {
    assign: ([at]: { offset: number }[]) => {
      this.readOffset = at!.offset;
      this.readers++;
    },
    poll: () => new Promise<Batch[]>((resolve, reject) => (this.poll = { resolve, reject })),
    close: () => Promise.resolve(this.poll?.resolve([])),
  } as unknown as Reader;

  /** The next records are read. */
  async give(...values: readonly Outcome[]): Promise<void> {
    const records = values.map((value, i) => ({
      ...{ offset: this.readOffset + i, timestampMs: 0, key: Buffer.from(value.workspace), headers: {} },
      value: outcomes.encode(value),
    }));
    const nextOffset = (this.readOffset += values.length);
    const end = (this.end = Math.max(this.end, nextOffset));
    const partition = { topic: TOPICS.traitEvents, partition: 0 };
    this.poll!.resolve([{ ...partition, records, nextOffset, highWatermark: end, lastStableOffset: end }]);
    await this.clock.advance(0);
  }

  /** Reading fails. */
  async fail(): Promise<void> {
    this.poll!.reject(new Error('no broker'));
    await this.clock.advance(0);
  }
}
