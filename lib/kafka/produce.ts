import errors from 'kafkajs/src/protocol/error.js';
import type Cluster from 'kafkajs/src/cluster/index.js';
import type { Broker } from 'kafkajs-internals';
import { openConnections, type ConnectionOptions, type Connections } from './cluster.ts';
import { encodeBatch } from './encode-batch.ts';
import { Backoff } from '../clock/index.ts';
import { KafkaUnavailableError, kafkaErrorType, messageOf } from './errors.ts';
import type { OutgoingRecord } from './types.ts';

const PRODUCE = 0;
const VERSION = 7;
const ALL_REPLICAS = -1;
const BROKER_TIMEOUT_MS = 10_000;
const DUPLICATE_SEQUENCE_NUMBER = 46;
const MAX_SEQUENCE = 2 ** 31;
const RETRY_PAUSES = { firstMs: 20, maxMs: 500 };

/** Records of one partition, sent as one batch. */
export interface PartitionRecords {
  /** Including the installation's prefix. */
  topic: string;
  partition: number;
  records: readonly OutgoingRecord[];
}

export interface ProducerIdentity {
  producerId: number;
  producerEpoch: number;
}

interface EncodedBatch {
  topic: string;
  partition: number;
  buf: Buffer;
}

/** The body of a produce request. */
function encodeRequest(batches: readonly EncodedBatch[], transactionalId: string | null): Buffer {
  const parts: Buffer[] = [];
  const id = transactionalId === null ? null : Buffer.from(transactionalId, 'utf8');
  const head = Buffer.alloc(2 + (id?.length ?? 0) + 10);
  let at = head.writeInt16BE(id === null ? -1 : id.length, 0);
  if (id !== null) at += id.copy(head, at);
  at = head.writeInt16BE(ALL_REPLICAS, at);
  at = head.writeInt32BE(BROKER_TIMEOUT_MS, at);
  const byTopic = new Map<string, EncodedBatch[]>();
  for (const batch of batches) {
    const list = byTopic.get(batch.topic);
    if (list === undefined) byTopic.set(batch.topic, [batch]);
    else list.push(batch);
  }
  head.writeInt32BE(byTopic.size, at);
  parts.push(head);
  for (const [topic, list] of byTopic) {
    const name = Buffer.from(topic, 'utf8');
    const topicHead = Buffer.alloc(2 + name.length + 4);
    topicHead.writeInt16BE(name.length, 0);
    name.copy(topicHead, 2);
    topicHead.writeInt32BE(list.length, 2 + name.length);
    parts.push(topicHead);
    for (const { partition, buf } of list) {
      const partitionHead = Buffer.alloc(8);
      partitionHead.writeInt32BE(partition, 0);
      partitionHead.writeInt32BE(buf.length, 4);
      parts.push(partitionHead, buf);
    }
  }
  return Buffer.concat(parts);
}

interface PartitionReply {
  topic: string;
  partition: number;
  errorCode: number;
}

function decodeReply(buf: Buffer): { replies: PartitionReply[] } {
  const replies: PartitionReply[] = [];
  let at = 4;
  for (let topics = buf.readInt32BE(0); topics > 0; topics--) {
    const length = buf.readInt16BE(at);
    const topic = buf.toString('utf8', at + 2, at + 2 + length);
    at += 2 + length;
    let partitions = buf.readInt32BE(at);
    at += 4;
    for (; partitions > 0; partitions--) {
      replies.push({ topic, partition: buf.readInt32BE(at), errorCode: buf.readInt16BE(at + 4) });
      at += 30; // …, base offset, append time, log start offset
    }
  }
  return { replies };
}

async function sendTo(
  broker: Broker,
  batches: readonly EncodedBatch[],
  transactionalId: string | null,
): Promise<PartitionReply[]> {
  const body = encodeRequest(batches, transactionalId);
  const { replies } = await broker.connectionPool.send({
    request: {
      apiKey: PRODUCE,
      apiVersion: VERSION,
      apiName: 'Produce',
      // Has the interface of an encoder of kafkajs.
      encode: () => Promise.resolve({ buf: body, buffer: body, offset: body.length }),
    },
    response: { decode: (payload) => Promise.resolve(decodeReply(payload)), parse: (data) => Promise.resolve(data) },
    logResponseError: false,
  });
  return replies;
}

/** Whether a retry may succeed. An error without a Kafka error type comes from the network, which may recover. */
function isPassing(error: unknown): boolean {
  const type = kafkaErrorType(error);
  return type === undefined || (error as { retriable?: boolean }).retriable === true;
}

/**
 * One producer id with the sequence numbers of its batches by partition, so that the broker appends each batch once and
 * in order, even if it is sent repeatedly. Call `produce` once at a time. After an error the sequence numbers are
 * unknown: create a new session.
 */
export class ProducerSession {
  private readonly sequences = new Map<string, number>();
  private connections: Connections | null = null;
  private closed = false;
  identity: ProducerIdentity = { producerId: -1, producerEpoch: -1 };

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly transactionalId: string | null,
  ) {}

  connected(): Promise<Cluster> {
    if (this.closed) throw new KafkaUnavailableError('the producer is closed');
    this.connections ??= openConnections(this.connection);
    return this.connections.ready;
  }

  private reconnect(): void {
    void this.connections?.close();
    this.connections = null;
  }

  /**
   * Appends the records, one batch per partition. Retries until `deadlineMs` (by the clock's `elapsedMs`), then throws
   * the last error.
   */
  async produce(groups: readonly PartitionRecords[], deadlineMs: number): Promise<void> {
    const { clock, logger } = this.connection;
    const now = clock.wallMs();
    let waiting: EncodedBatch[] = groups.map(({ topic, partition, records }) => ({
      topic,
      partition,
      buf: encodeBatch(records, this.batchIdentity(topic, partition, records.length), now),
    }));
    const backoff = new Backoff(RETRY_PAUSES);
    for (;;) {
      const { failed, error } = await this.attempt(waiting);
      if (failed.length === 0) return;
      const pauseMs = backoff.nextMs();
      if (this.closed || !isPassing(error) || clock.elapsedMs() + pauseMs > deadlineMs) throw error;
      logger.debug({ err: messageOf(error), batches: failed.length }, 'sending a batch again');
      waiting = failed;
      if (kafkaErrorType(error) === undefined) this.reconnect();
      await clock.sleep(pauseMs);
    }
  }

  private batchIdentity(topic: string, partition: number, count: number) {
    const key = `${topic}/${partition}`;
    const baseSequence = this.sequences.get(key) ?? 0;
    this.sequences.set(key, (baseSequence + count) % MAX_SEQUENCE);
    return { ...this.identity, baseSequence, transactional: this.transactionalId !== null };
  }

  /** Sends to all leaders at once. Returns the batches that were not acknowledged, with their errors. */
  private async attempt(batches: readonly EncodedBatch[]): Promise<{ failed: EncodedBatch[]; error: unknown }> {
    const failed: EncodedBatch[] = [];
    let error: unknown = null;
    const fail = (batch: EncodedBatch, reason: unknown): void => {
      failed.push(batch);
      // A fatal error takes precedence over one that can be retried.
      if (error === null || isPassing(error)) error = reason;
    };
    let byLeader: Map<number, EncodedBatch[]>;
    let cluster: Cluster;
    try {
      cluster = await this.connected();
      byLeader = await this.byLeader(cluster, batches);
    } catch (reason) {
      return { failed: [...batches], error: reason };
    }
    await Promise.all(
      [...byLeader].map(async ([nodeId, list]) => {
        try {
          const broker = await cluster.findBroker({ nodeId });
          const replies = await sendTo(broker, list, this.transactionalId);
          for (const { topic, partition, errorCode } of replies) {
            if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) continue;
            const batch = list.find((b) => b.topic === topic && b.partition === partition);
            if (batch !== undefined) fail(batch, errors.createErrorFromCode(errorCode));
          }
        } catch (reason) {
          for (const batch of list) fail(batch, reason);
        }
      }),
    );
    if (kafkaErrorType(error) !== undefined && isPassing(error)) await cluster.refreshMetadata().catch(() => undefined);
    return { failed, error };
  }

  private async byLeader(cluster: Cluster, batches: readonly EncodedBatch[]): Promise<Map<number, EncodedBatch[]>> {
    await cluster.addMultipleTargetTopics([...new Set(batches.map((b) => b.topic))]);
    await cluster.refreshMetadataIfNecessary();
    const result = new Map<number, EncodedBatch[]>();
    for (const batch of batches) {
      const metadata = cluster.findTopicPartitionMetadata(batch.topic);
      const leader = metadata.find((m) => m.partitionId === batch.partition)?.leader ?? -1;
      // The same errors as the broker's: no leader at the moment, or no such partition.
      if (leader < 0) throw errors.createErrorFromCode(metadata.length === 0 ? 3 : 5);
      const list = result.get(leader);
      if (list === undefined) result.set(leader, [batch]);
      else list.push(batch);
    }
    return result;
  }

  async close(): Promise<void> {
    this.closed = true;
    const { connections } = this;
    this.connections = null;
    await connections?.close();
  }
}
