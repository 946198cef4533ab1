import type { Kafka as KafkaJs, Producer as KafkaJsProducer, Transaction } from 'kafkajs';
import { FencedError, TransactionError, kafkaErrorType, messageOf } from './errors.ts';
import {
  MAX_PARTITION_BATCH_BYTES,
  place,
  sizeOf,
  toTopicMessages,
  type PartitionsOf,
  type PlacedRecord,
} from './producer.ts';
import type { OffsetsToCommit, OutgoingRecord, Transactional } from './types.ts';

/**
 * The broker settles an open transaction by itself after this long; until then it holds up every reader of the
 * partitions that it touched.
 */
export const TRANSACTION_TIMEOUT_MS = 10_000;

const FENCED = new Set(['INVALID_PRODUCER_EPOCH', 'PRODUCER_FENCED', 'INVALID_PRODUCER_ID_MAPPING']);

/** kafkajs wraps errors in others: the reason is somewhere down the chain. */
function isFenced(error: unknown): boolean {
  for (let e = error; e !== undefined && e !== null; e = (e as { cause?: unknown }).cause) {
    if (FENCED.has(kafkaErrorType(e) ?? '')) return true;
  }
  return false;
}

const translate = (error: unknown): Error =>
  isFenced(error)
    ? new FencedError(messageOf(error), { cause: error })
    : new TransactionError(messageOf(error), { cause: error });

/** Parts of which each holds no more than one batch per partition that a broker takes. */
function* parts(placed: readonly PlacedRecord[]): Generator<PlacedRecord[]> {
  const used = new Map<string, number>();
  let part: PlacedRecord[] = [];
  for (const p of placed) {
    const at = `${p.topic}/${p.partition}`;
    const bytes = sizeOf(p.record);
    const before = used.get(at) ?? 0;
    if (before > 0 && before + bytes > MAX_PARTITION_BATCH_BYTES) {
      yield part;
      part = [];
      used.clear();
      used.set(at, bytes);
    } else {
      used.set(at, before + bytes);
    }
    part.push(p);
  }
  if (part.length > 0) yield part;
}

/** One transactional id behind kafkajs. Not for concurrent use. */
export class KafkaTransactional implements Transactional {
  private readonly producer: KafkaJsProducer;
  private open: Transaction | null = null;
  private broken: Error | null = null;

  constructor(
    kafkaJs: KafkaJs,
    transactionalId: string,
    private readonly prefix: string,
    private readonly partitionsOf: PartitionsOf,
  ) {
    this.producer = kafkaJs.producer({
      transactionalId,
      transactionTimeout: TRANSACTION_TIMEOUT_MS,
      maxInFlightRequests: 1,
      allowAutoTopicCreation: false,
      createPartitioner: () => (args) => args.message.partition as number,
      // Right after a commit the broker is still writing its markers: ask again soon, not after 300 ms.
      retry: { initialRetryTime: 5, retries: 20, factor: 0, multiplier: 1.5, maxRetryTime: 1_000 },
    });
  }

  async init(): Promise<void> {
    try {
      await this.producer.connect();
      // kafkajs asks for its producer id with the first transaction.
      this.open = await this.producer.transaction();
    } catch (error) {
      throw (this.broken = translate(error));
    }
  }

  private async transaction(): Promise<Transaction> {
    this.open ??= await this.producer.transaction();
    return this.open;
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    if (this.broken !== null) throw this.broken;
    if (records.length === 0) return;
    try {
      const placed = await Promise.all(records.map((r) => place(r, this.partitionsOf)));
      const transaction = await this.transaction();
      for (const part of parts(placed)) {
        await transaction.sendBatch({ acks: -1, topicMessages: toTopicMessages(part, this.prefix) });
      }
    } catch (error) {
      throw (this.broken = translate(error));
    }
  }

  async commit({ groupId, topic, partition, offset, metadata }: OffsetsToCommit): Promise<void> {
    if (this.broken !== null) throw this.broken;
    try {
      const transaction = await this.transaction();
      // kafkajs passes the metadata on; its types do not know.
      const committed = { partition, offset: String(offset), metadata };
      await transaction.sendOffsets({
        consumerGroupId: this.prefix + groupId,
        topics: [{ topic: this.prefix + topic, partitions: [committed] }],
      });
      await transaction.commit();
      this.open = null;
    } catch (error) {
      throw (this.broken = translate(error));
    }
  }

  async close(): Promise<void> {
    this.broken ??= new TransactionError('closed');
    await this.producer.disconnect().catch(() => undefined);
  }
}
