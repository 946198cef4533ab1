import errors from 'kafkajs/src/protocol/error.js';
import type Cluster from 'kafkajs/src/cluster/index.js';
import type { Broker } from 'kafkajs-internals';
import { openConnections, type ConnectionOptions, type Connections } from './cluster.ts';
import { encodeBatch } from './encode-batch.ts';
import { Backoff, within } from '../clock/index.ts';
import { KafkaUnavailableError, kafkaErrorType, messageOf } from './errors.ts';
import type { OutgoingRecord } from './types.ts';

const PRODUCE = 0;
const VERSION = 7;
const ALL_REPLICAS = -1;
const BROKER_TIMEOUT_MS = 10_000;
const DUPLICATE_SEQUENCE_NUMBER = 46;
const LEADER_NOT_AVAILABLE = 5;
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
 * One producer id: numbers its batches by partition, so that the broker takes each of them once, in order, however
 * often it is sent. One `produce` at a time for each partition. After it throws, the numbers are no longer known: begin
 * with another id.
 */
export class ProducerSession {
  private readonly sequences = new Map<string, number>();
  private connections: Connections | null = null;
  private cluster: Cluster | null = null;
  private closed = false;
  identity: ProducerIdentity = { producerId: -1, producerEpoch: -1 };

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly transactionalId: string | null,
  ) {}

  async connected(): Promise<Cluster> {
    if (this.closed) throw new KafkaUnavailableError('the producer is closed');
    this.connections ??= openConnections(this.connection);
    return (this.cluster = await this.connections.ready);
  }

  /** Later batches have this id; those under way keep theirs. */
  begin(identity: ProducerIdentity): void {
    this.identity = identity;
    this.sequences.clear();
  }

  /** Makes `leaderOf` answer for these topics, with their prefix. */
  async learn(topics: readonly string[]): Promise<void> {
    const cluster = await this.connected();
    await cluster.addMultipleTargetTopics(topics);
    await cluster.refreshMetadataIfNecessary();
  }

  /** The node id of a partition's leader as last known; -1 when it is unknown or there is none. */
  leaderOf(topic: string, partition: number): number {
    try {
      const metadata = this.cluster?.findTopicPartitionMetadata(topic);
      return metadata?.find(({ partitionId }) => partitionId === partition)?.leader ?? -1;
    } catch {
      // No metadata yet.
      return -1;
    }
  }

  private reconnect(): void {
    void this.connections?.close();
    this.connections = null;
    this.cluster = null;
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
      const { failed, error } = await this.attempt(waiting, deadlineMs);
      if (failed.length === 0) return;
      const pauseMs = backoff.nextMs();
      if (this.closed || !isPassing(error) || clock.elapsedMs() + pauseMs > deadlineMs) throw error;
      logger.debug({ err: messageOf(error), batches: failed.length }, 'sending a batch again');
      waiting = failed;
      await clock.sleep(pauseMs);
    }
  }

  private batchIdentity(topic: string, partition: number, count: number) {
    const key = `${topic}/${partition}`;
    const baseSequence = this.sequences.get(key) ?? 0;
    this.sequences.set(key, (baseSequence + count) % MAX_SEQUENCE);
    return { ...this.identity, baseSequence, transactional: this.transactionalId !== null };
  }

  /** Sends to every leader at once; answers with what was not taken, and why. */
  private async attempt(
    batches: readonly EncodedBatch[],
    deadlineMs: number,
  ): Promise<{ failed: EncodedBatch[]; error: unknown }> {
    const failed: EncodedBatch[] = [];
    let error: unknown = null;
    const fail = (batch: EncodedBatch, reason: unknown): void => {
      failed.push(batch);
      // A fatal error takes precedence over one that can be retried.
      if (error === null || isPassing(error)) error = reason;
    };
    let cluster: Cluster;
    try {
      cluster = await this.connected();
      await this.learn([...new Set(batches.map((b) => b.topic))]);
    } catch (reason) {
      // Other requests may be under way: only connections that never came about are replaced.
      if (this.cluster === null) this.reconnect();
      return { failed: [...batches], error: reason };
    }
    await Promise.all(
      [...this.byLeader(batches)].map(async ([nodeId, list]) => {
        try {
          // As the broker says it: no leader at the moment.
          if (nodeId < 0) throw errors.createErrorFromCode(LEADER_NOT_AVAILABLE);
          for (const { topic, partition, errorCode } of await this.sendTo(cluster, nodeId, list, deadlineMs)) {
            if (errorCode === 0 || errorCode === DUPLICATE_SEQUENCE_NUMBER) continue;
            const batch = list.find((b) => b.topic === topic && b.partition === partition);
            if (batch !== undefined) fail(batch, errors.createErrorFromCode(errorCode));
          }
        } catch (reason) {
          for (const batch of list) fail(batch, reason);
        }
      }),
    );
    if (failed.length > 0 && isPassing(error)) await this.refresh(cluster);
    return { failed, error };
  }

  private async sendTo(
    cluster: Cluster,
    nodeId: number,
    batches: readonly EncodedBatch[],
    deadlineMs: number,
  ): Promise<PartitionReply[]> {
    const { clock } = this.connection;
    try {
      const sent = cluster.findBroker({ nodeId }).then((broker) => sendTo(broker, batches, this.transactionalId));
      return await within(sent, deadlineMs - clock.elapsedMs(), clock);
    } catch (error) {
      // The request must not arrive after the next ones, nor the next ones wait for it.
      if (kafkaErrorType(error) === undefined) this.connections?.drop(nodeId);
      throw error;
    }
  }

  /** Looks up the current leaders. */
  private async refresh(cluster: Cluster): Promise<void> {
    try {
      await cluster.refreshMetadata();
    } catch {
      // No broker answers: the next attempt begins with the configured ones.
      if (this.cluster === cluster) this.reconnect();
    }
  }

  private byLeader(batches: readonly EncodedBatch[]): Map<number, EncodedBatch[]> {
    const result = new Map<number, EncodedBatch[]>();
    for (const batch of batches) {
      const leader = this.leaderOf(batch.topic, batch.partition);
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
