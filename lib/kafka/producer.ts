import type { Kafka as KafkaJs, Message, Producer as KafkaJsProducer, TopicMessages } from 'kafkajs';
import type { Logger } from 'pino';
import { BackpressureError, KafkaUnavailableError, messageOf } from './errors.ts';
import { partitionFor } from './murmur2.ts';
import type { OutgoingRecord, Producer, ProducerOptions } from './types.ts';

/** Rough bytes of a record beyond its key and value. */
const RECORD_OVERHEAD_BYTES = 32;
/** kafkajs makes one batch of all records of a partition: it must stay under the topic's `max.message.bytes`. */
export const MAX_PARTITION_BATCH_BYTES = 768 << 10;
const MAX_SEND_BYTES = 4 << 20;

export const sizeOf = (record: OutgoingRecord): number =>
  RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);

/** A record with its partition decided. */
export interface PlacedRecord {
  topic: string;
  partition: number;
  record: OutgoingRecord;
}

/** Asks for the number of partitions of a topic; topics do not grow, so the answer is kept. */
export type PartitionsOf = (topic: string) => Promise<number>;

export async function place(record: OutgoingRecord, partitionsOf: PartitionsOf): Promise<PlacedRecord> {
  const { topic } = record;
  if (record.partition !== undefined) return { topic, partition: record.partition, record };
  const partitions = await partitionsOf(topic);
  // Records without a key carry no order: any partition will do, and one is cheapest.
  return { topic, partition: record.key === null ? 0 : partitionFor(record.key, partitions), record };
}

/** kafkajs's shape of a batch; topics get the prefix here. */
export function toTopicMessages(placed: readonly PlacedRecord[], prefix: string): TopicMessages[] {
  const byTopic = new Map<string, Message[]>();
  for (const { topic, partition, record } of placed) {
    let messages = byTopic.get(topic);
    if (messages === undefined) byTopic.set(topic, (messages = []));
    const message: Message = { key: record.key, value: record.value, partition };
    if (record.headers !== undefined) message.headers = record.headers;
    messages.push(message);
  }
  return [...byTopic].map(([topic, messages]) => ({ topic: prefix + topic, messages }));
}

interface Waiting {
  placed: PlacedRecord;
  bytes: number;
  /** The send that this record is part of. */
  send: PendingSend;
}

interface PendingSend {
  left: number;
  resolve: () => void;
  reject: (error: Error) => void;
  deadlineMs: number;
}

/**
 * An idempotent producer with one batch on its way at a time; what arrives meanwhile goes with the next one. After an
 * error it starts anew with another producer id: of what was on its way nobody knows whether it was written.
 */
export class BatchingProducer implements Producer {
  private client: Promise<KafkaJsProducer> | null = null;
  private queue: Waiting[] = [];
  private bytes = 0;
  private running: Promise<void> | null = null;
  private closed = false;
  private readonly maxQueuedBytes: number;
  private readonly deliveryTimeoutMs: number;

  constructor(
    private readonly kafkaJs: KafkaJs,
    private readonly prefix: string,
    private readonly partitionsOf: PartitionsOf,
    private readonly logger: Logger,
    options: ProducerOptions = {},
  ) {
    this.maxQueuedBytes = options.maxQueuedBytes ?? 64 << 20;
    this.deliveryTimeoutMs = options.deliveryTimeoutMs ?? 15_000;
  }

  get queuedBytes(): number {
    return this.bytes;
  }

  async send(records: OutgoingRecord | readonly OutgoingRecord[]): Promise<void> {
    const list = Array.isArray(records) ? (records as readonly OutgoingRecord[]) : [records as OutgoingRecord];
    if (list.length === 0) return;
    const bytes = list.reduce((sum, r) => sum + sizeOf(r), 0);
    if (this.closed) throw new KafkaUnavailableError('the producer is closed');
    if (this.bytes > 0 && this.bytes + bytes > this.maxQueuedBytes) {
      throw new BackpressureError(`${this.bytes} bytes wait to be sent`);
    }
    this.bytes += bytes;
    try {
      const deadlineMs = performance.now() + this.deliveryTimeoutMs;
      const placed = await Promise.all(list.map((r) => place(r, this.partitionsOf)));
      await new Promise<void>((resolve, reject) => {
        const send: PendingSend = { left: placed.length, resolve, reject, deadlineMs };
        for (const p of placed) this.queue.push({ placed: p, bytes: sizeOf(p.record), send });
        this.running ??= this.run();
      });
    } finally {
      this.bytes -= bytes;
    }
  }

  private async run(): Promise<void> {
    // One turn of the event loop, so that what is sent together goes together.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.takeBatch();
      if (batch.length === 0) continue;
      try {
        await this.deliver(batch);
        for (const { send } of batch) if (--send.left === 0) send.resolve();
      } catch (error) {
        await this.dropClient();
        this.logger.warn({ err: messageOf(error), records: batch.length }, 'sending failed');
        const failure = new KafkaUnavailableError(`not acknowledged: ${messageOf(error)}`, { cause: error });
        for (const { send } of batch) send.reject(failure);
      }
    }
    this.running = null;
  }

  /** The next records in order, bounded in all and by partition. What is too old is given up here. */
  private takeBatch(): Waiting[] {
    const now = performance.now();
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    const full = new Set<string>();
    const perPartition = new Map<string, number>();
    let total = 0;
    for (const waiting of this.queue) {
      if (waiting.send.deadlineMs < now) {
        waiting.send.reject(new KafkaUnavailableError('waited too long to be sent'));
        continue;
      }
      const { topic, partition } = waiting.placed;
      const place = `${topic}/${partition}`;
      const used = perPartition.get(place) ?? 0;
      // A partition that is full stays full for this batch: its records keep their order.
      const fits = used === 0 || used + waiting.bytes <= MAX_PARTITION_BATCH_BYTES;
      if (full.has(place) || !fits || (total > 0 && total + waiting.bytes > MAX_SEND_BYTES)) {
        full.add(place);
        rest.push(waiting);
        continue;
      }
      perPartition.set(place, used + waiting.bytes);
      total += waiting.bytes;
      batch.push(waiting);
    }
    this.queue = rest;
    return batch;
  }

  private async deliver(batch: readonly Waiting[]): Promise<void> {
    const leftMs = Math.max(1, Math.max(...batch.map((w) => w.send.deadlineMs)) - performance.now());
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(leftMs)} ms`)), leftMs);
    });
    const work = (async () => {
      const client = await this.connected();
      await client.sendBatch({
        acks: -1,
        topicMessages: toTopicMessages(
          batch.map((w) => w.placed),
          this.prefix,
        ),
      });
    })();
    work.catch(() => undefined);
    try {
      await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  private connected(): Promise<KafkaJsProducer> {
    this.client ??= (async () => {
      const producer = this.kafkaJs.producer({
        idempotent: true,
        maxInFlightRequests: 1,
        allowAutoTopicCreation: false,
        createPartitioner: () => (args) => args.message.partition as number,
        retry: { retries: 8, initialRetryTime: 50, maxRetryTime: 2_000 },
      });
      await producer.connect();
      return producer;
    })();
    return this.client;
  }

  private async dropClient(): Promise<void> {
    const { client } = this;
    this.client = null;
    // Not awaited: with a broker away it may take as long as a request.
    void client?.then((c) => c.disconnect()).catch(() => undefined);
    await Promise.resolve();
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
    const { client } = this;
    this.client = null;
    await client?.then((c) => c.disconnect()).catch(() => undefined);
  }
}
