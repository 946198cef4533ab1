import type { Logger } from 'pino';
import { SchemaRefusedError, UnknownSchemaError, type Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Batch, KafkaRecord } from '../../lib/kafka/types.ts';
import { Block } from './block.ts';
import type { Cursor, Message } from './cursor.ts';
import { decode, loadSchema } from './reading.ts';
import type { SinkSettings, TopicContent } from './topic-consumer-options.ts';

/** A record whose rows cannot be made; its partition cannot be read on. */
export class UnusableOffsetError extends Error {
  override readonly name = 'UnusableOffsetError';
  constructor(offset: number, cause: unknown) {
    // Other messages may quote the record.
    const reason = cause instanceof SchemaRefusedError ? `: ${cause.message}` : '';
    super(`the record at offset ${offset} cannot be used${reason}`, { cause });
  }
}

export interface GatheringOptions<M> {
  content: TopicContent<M>;
  codec: Codec<M>;
  settings: SinkSettings;
  clock: Clock;
  logger: Logger;
  /** What is gathered is not needed any more. */
  unwanted: AbortSignal;
  /** Takes the block when it is full; resolves when another one may be gathered. */
  flush(): Promise<void>;
}

/** Gathers records into a block. The records of one cause are in one block, even when the block becomes too large. */
export class Gathering<M> {
  private block: Block;
  /** Ids of schemas that could not be loaded. */
  private readonly givenUpSchemas = new Set<number>();

  constructor(private readonly options: GatheringOptions<M>) {
    this.block = new Block(options.content.tables, options.content.details);
  }

  get isEmpty(): boolean {
    return this.block.records === 0;
  }

  private get isFull(): boolean {
    const { blockRecordsMax, blockBytesMax } = this.options.settings;
    return this.block.records >= blockRecordsMax || (!this.isEmpty && this.block.bytes >= blockBytesMax);
  }

  /** Reads a batch of the cursor's partition. Throws UnusableOffsetError. */
  async take(cursor: Cursor<M>, batch: Batch): Promise<void> {
    const { content, unwanted } = this.options;
    for (const record of batch.records) {
      if (record.offset < cursor.nextToRead) continue;
      const decoded = this.decode(record);
      // Not awaited unless needed: this is done for every record.
      const message =
        decoded instanceof UnknownSchemaError ? await this.loadAndDecode(record, decoded, cursor.partition) : decoded;
      const last = cursor.lastHeld;
      if (last !== undefined && !content.sameCause(last, message)) {
        this.gather(cursor);
        if (this.isFull) await this.options.flush();
      }
      if (unwanted.aborted) return;
      cursor.read(message);
    }
    cursor.readTo(batch.nextOffset);
    // Below the last stable offset there is more to read: the last cause may not be complete.
    if (batch.nextOffset < batch.lastStableOffset) return;
    this.gather(cursor);
    if (this.isFull) await this.options.flush();
  }

  /** The block, with its ranges widened to everything that was read; the next one is empty. */
  handOver(cursors: ReadonlyMap<number, Cursor<M>>): Block {
    const { block } = this;
    for (const partition of block.ranges.keys()) {
      const range = cursors.get(partition)?.submit();
      if (range !== undefined) block.cover(partition, range.first, range.next);
    }
    this.block = new Block(this.options.content.tables, this.options.content.details);
    return block;
  }

  private decode(record: KafkaRecord): Message<M> | UnknownSchemaError {
    try {
      return decode(this.options.codec, record);
    } catch (error) {
      throw new UnusableOffsetError(record.offset, error);
    }
  }

  private async loadAndDecode(
    record: KafkaRecord,
    unknown: UnknownSchemaError,
    partition: number,
  ): Promise<Message<M>> {
    const { content, codec, clock, logger, unwanted } = this.options;
    const where = { topic: content.topic, partition, offset: record.offset, schema: unknown.schemaId };
    const onFailure = (error: unknown): void =>
      logger.error({ ...where, err: error }, 'cannot load the schema of a record; retrying');
    try {
      await loadSchema(unknown, this.givenUpSchemas, { clock, signal: unwanted, onFailure });
      const decoded = decode(codec, record);
      if (decoded instanceof UnknownSchemaError) throw decoded;
      return decoded;
    } catch (error) {
      throw new UnusableOffsetError(record.offset, error);
    }
  }

  /** Puts the rows of all held messages into the block. */
  private gather(cursor: Cursor<M>): void {
    const { content } = this.options;
    for (let message = cursor.firstHeld; message !== undefined; message = cursor.firstHeld) {
      try {
        content.addRows(this.block, message.body, message.offset);
      } catch (error) {
        throw new UnusableOffsetError(message.offset, error);
      }
      this.block.count(cursor.partition, message, content.logTimeMs(message.body));
      cursor.gather();
    }
  }
}
