import type Cluster from 'kafkajs/src/cluster/index.js';
import errors from 'kafkajs/src/protocol/error.js';
import { Backoff, Waker, type Clock } from '../clock/index.ts';
import { openConnections, type ConnectionOptions, type Connections } from './cluster.ts';
import { CorruptRecordError, OffsetOutOfRangeError, messageOf, type UnreadablePartitionError } from './errors.ts';
import { fetchFrom, type FetchPartition, type FetchedPartition } from './fetch.ts';
import { readRecords } from './read-committed.ts';
import type { Batch, PartitionOffset, Reader, ReaderOptions } from './types.ts';

const OFFSET_OUT_OF_RANGE = 1;
/**
 * Errors by which the broker reports that the log is damaged, or compressed in a way that this version of the protocol
 * does not support.
 */
const UNREADABLE = new Set([2, 76]);
/** An error that does not concern the log of the partition, but its leader or the broker. */
const isUnexpected = ({ errorCode }: FetchedPartition): boolean =>
  errorCode !== 0 && errorCode !== OFFSET_OUT_OF_RANGE && !UNREADABLE.has(errorCode);
const DEFAULT_MAX_BYTES = 8 << 20;
const DEFAULT_MAX_PARTITION_BYTES = 2 << 20;

interface Assigned {
  topic: string;
  partition: number;
  owner: object | undefined;
  position: number;
  paused: boolean;
  /** The values that were returned last. An empty batch is returned only when one of them has changed. */
  highWatermark: number;
  lastStableOffset: number;
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** Topics have the installation's prefix in requests, but not in what this reader returns. */
export class KafkaReader implements Reader {
  /** Those served longest ago come first: a broker fills a reply in the order of the request. */
  private readonly assigned = new Map<string, Assigned>();
  /** Open fetches by node id: at most one per broker. */
  private readonly inFlight = new Map<string, Promise<void>>();
  private ready: Batch[] = [];
  /** The error of one partition. Errors of others are reported again by the next fetch. */
  private failure: UnreadablePartitionError | null = null;
  private connections: Connections | null = null;
  private closed = false;
  private readonly backoff = new Backoff({ firstMs: 50, maxMs: 1_000 });
  private interrupted = false;
  private retryAtMs = 0;
  private readonly clock: Clock;
  private readonly waker: Waker;

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly prefix: string,
    private readonly options: ReaderOptions,
  ) {
    this.clock = connection.clock;
    this.waker = new Waker(connection.clock);
  }

  assign(partitions: readonly PartitionOffset[]): void {
    this.assigned.clear();
    this.ready = [];
    this.failure = null;
    for (const p of partitions) this.seek(p);
  }

  seek({ topic, partition, offset, owner }: PartitionOffset): void {
    const key = keyOf(topic, partition);
    this.forget(key);
    // A new object, so that replies to earlier fetches are ignored.
    this.assigned.set(key, {
      topic,
      partition,
      owner,
      position: offset,
      paused: false,
      highWatermark: -1,
      lastStableOffset: -1,
    });
    this.waker.wake();
  }

  remove(topic: string, partition: number, owner?: object): void {
    const key = keyOf(topic, partition);
    if (owner !== undefined && this.assigned.get(key)?.owner !== owner) return;
    this.assigned.delete(key);
    this.forget(key);
  }

  /** Discards the batches and the error of a partition that `poll` has not returned yet. */
  private forget(key: string): void {
    this.ready = this.ready.filter((b) => keyOf(b.topic, b.partition) !== key);
    const { failure } = this;
    if (failure !== null && keyOf(failure.topic, failure.partition) === key) this.failure = null;
  }

  pause(topic: string, partition: number): void {
    const entry = this.assigned.get(keyOf(topic, partition));
    if (entry !== undefined) entry.paused = true;
  }

  resume(topic: string, partition: number): void {
    const entry = this.assigned.get(keyOf(topic, partition));
    if (entry !== undefined && entry.paused) {
      entry.paused = false;
      this.waker.wake();
    }
  }

  async poll(maxWaitMs: number): Promise<Batch[]> {
    const deadline = this.clock.elapsedMs() + maxWaitMs;
    while (!this.closed && this.ready.length === 0 && this.failure === null) {
      const leftMs = deadline - this.clock.elapsedMs();
      if (leftMs <= 0) break;
      await this.startFetches(maxWaitMs);
      if (this.ready.length === 0 && this.failure === null) await this.waker.sleep(this.pauseUntilRetry(leftMs));
    }
    const { failure } = this;
    if (failure !== null) {
      this.failure = null;
      throw failure;
    }
    const batches = this.ready;
    this.ready = [];
    return batches;
  }

  /** How long to wait for a reply: no longer than `leftMs`, nor past the moment of the next attempt to reconnect. */
  private pauseUntilRetry(leftMs: number): number {
    const untilRetryMs = this.retryAtMs - this.clock.elapsedMs();
    return untilRetryMs > 0 ? Math.min(leftMs, untilRetryMs) : leftMs;
  }

  /** Sends a fetch to every leader that has partitions to read and no open fetch. */
  private async startFetches(maxWaitMs: number): Promise<void> {
    const wanted = [...this.assigned.values()].filter((a) => !a.paused);
    if (wanted.length === 0 || this.clock.elapsedMs() < this.retryAtMs) return;
    let cluster: Cluster;
    try {
      cluster = await this.connected(wanted);
    } catch (error) {
      await this.reconnectLater(error);
      return;
    }
    const byLeader = new Map<string, Assigned[]>();
    for (const entry of wanted) {
      const leader = cluster
        .findTopicPartitionMetadata(this.prefix + entry.topic)
        .find((m) => m.partitionId === entry.partition)?.leader;
      if (leader === undefined || leader < 0) {
        await this.reconnectLater(new Error(`${entry.topic}[${entry.partition}] has no leader`));
        return;
      }
      const node = String(leader);
      const list = byLeader.get(node);
      if (list === undefined) byLeader.set(node, [entry]);
      else list.push(entry);
    }
    for (const [node, entries] of byLeader) {
      if (this.inFlight.has(node)) continue;
      const fetch = this.fetch(cluster, node, entries, maxWaitMs).finally(() => {
        this.inFlight.delete(node);
        this.waker.wake();
      });
      this.inFlight.set(node, fetch);
    }
  }

  private async connected(wanted: readonly Assigned[]): Promise<Cluster> {
    this.connections ??= openConnections(this.connection);
    const cluster = await this.connections.ready;
    await cluster.addMultipleTargetTopics([...new Set(wanted.map((a) => this.prefix + a.topic))]);
    await cluster.refreshMetadataIfNecessary();
    return cluster;
  }

  /** After any error, connections are replaced: new ones know the current leaders. */
  private async reconnectLater(error: unknown): Promise<void> {
    if (this.closed) return;
    if (!this.interrupted)
      this.connection.logger.warn({ err: messageOf(error) }, 'reading is interrupted; reconnecting');
    this.interrupted = true;
    this.retryAtMs = this.clock.elapsedMs() + this.backoff.nextMs();
    await this.disconnect();
  }

  private async disconnect(): Promise<void> {
    const { connections } = this;
    this.connections = null;
    await connections?.close();
  }

  private async fetch(cluster: Cluster, node: string, entries: readonly Assigned[], maxWaitMs: number): Promise<void> {
    const asked = new Map<string, Assigned>();
    const partitions: FetchPartition[] = [];
    for (const entry of entries) {
      asked.set(keyOf(entry.topic, entry.partition), entry);
      partitions.push({ topic: this.prefix + entry.topic, partition: entry.partition, offset: entry.position });
    }
    try {
      const broker = await cluster.findBroker({ nodeId: node });
      const fetched = await fetchFrom(broker, {
        committedOnly: this.options.isolation === 'read_committed',
        maxWaitMs: Math.max(1, Math.round(maxWaitMs)),
        maxBytes: this.options.maxBytes ?? DEFAULT_MAX_BYTES,
        maxPartitionBytes: this.options.maxPartitionBytes ?? DEFAULT_MAX_PARTITION_BYTES,
        partitions,
      });
      if (this.closed) return;
      this.interrupted = false;
      this.backoff.reset();
      // Readable partitions first: an error that replaces the connections would discard the rest of the reply.
      const bySoundness = [...fetched].sort((a, b) => Number(isUnexpected(a)) - Number(isUnexpected(b)));
      for (const reply of bySoundness) this.take(reply, asked);
    } catch (error) {
      await this.reconnectLater(error);
    }
  }

  private take(reply: FetchedPartition, asked: ReadonlyMap<string, Assigned>): void {
    const topic = reply.topic.slice(this.prefix.length);
    const key = keyOf(topic, reply.partition);
    const entry = asked.get(key);
    // Moved or removed during the fetch.
    if (entry === undefined || this.assigned.get(key) !== entry) return;
    if (reply.records.length > 0) {
      this.assigned.delete(key);
      this.assigned.set(key, entry);
    }
    if (reply.errorCode === OFFSET_OUT_OF_RANGE) {
      this.failure ??= new OffsetOutOfRangeError(topic, entry.partition, entry.position);
      return;
    }
    if (UNREADABLE.has(reply.errorCode)) {
      const cause = errors.createErrorFromCode(reply.errorCode);
      this.failure ??= new CorruptRecordError(topic, entry.partition, entry.position, cause);
      return;
    }
    if (isUnexpected(reply)) throw errors.createErrorFromCode(reply.errorCode);
    const committedOnly = this.options.isolation === 'read_committed';
    let result;
    try {
      result = readRecords(reply.records, entry.position, committedOnly ? reply.aborted : null);
    } catch (error) {
      this.failure ??= new CorruptRecordError(topic, entry.partition, entry.position, error);
      return;
    }
    const { records, nextOffset } = result;
    const news =
      nextOffset > entry.position ||
      reply.highWatermark !== entry.highWatermark ||
      reply.lastStableOffset !== entry.lastStableOffset;
    if (!news) return;
    entry.position = nextOffset;
    entry.highWatermark = reply.highWatermark;
    entry.lastStableOffset = reply.lastStableOffset;
    this.ready.push({
      topic,
      partition: entry.partition,
      records,
      nextOffset,
      highWatermark: reply.highWatermark,
      lastStableOffset: reply.lastStableOffset,
      owner: entry.owner,
    });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.waker.wake();
    await this.disconnect();
  }
}
