import type Cluster from 'kafkajs/src/cluster/index.js';
import errors from 'kafkajs/src/protocol/error.js';
import { Backoff, Waker, type Clock } from '../clock/index.ts';
import { openConnections, type ConnectionOptions, type Connections } from './cluster.ts';
import { CorruptRecordError, OffsetOutOfRangeError, messageOf, type UnreadablePartitionError } from './errors.ts';
import { fetchFrom, type FetchPartition, type FetchedPartition } from './fetch.ts';
import { RETRY_PAUSES, Retries } from './retries.ts';
import { readRecords } from './read-committed.ts';
import type { Batch, PartitionOffset, Reader, ReaderOptions } from './types.ts';

const OFFSET_OUT_OF_RANGE = 1;
/**
 * Errors by which the broker reports that the log is damaged, or compressed in a way that this version of the protocol
 * does not support.
 */
const UNREADABLE = new Set([2, 76]);
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

/** The network functions that a reader uses. */
export interface ReaderNetwork {
  openConnections: typeof openConnections;
  fetchFrom: typeof fetchFrom;
}

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** Topics have the installation's prefix in requests, but not in what this reader returns. */
export class KafkaReader implements Reader {
  /** Assigned partitions by key. Those served longest ago come first: a broker fills a reply in the order of the request. */
  private readonly assigned = new Map<string, Assigned>();
  /** Open fetches by node id: at most one per broker. */
  private readonly inFlight = new Map<string, Promise<void>>();
  private ready: Batch[] = [];
  /** The error of one partition. Errors of others are reported again by the next fetch. */
  private failure: UnreadablePartitionError | null = null;
  private connections: Connections | null = null;
  private closed = false;
  private readonly backoff = new Backoff(RETRY_PAUSES);
  private interrupted = false;
  private retryAtMs = 0;
  /** Brokers by node id, and partitions by key. */
  private readonly retries: Retries;
  private refreshing = false;
  private readonly clock: Clock;
  private readonly waker: Waker;

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly prefix: string,
    private readonly options: ReaderOptions,
    /** Tests give another one. */
    private readonly network: ReaderNetwork = { openConnections, fetchFrom },
  ) {
    this.clock = connection.clock;
    this.waker = new Waker(connection.clock);
    this.retries = new Retries(connection.clock);
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
    this.retries.succeeded(key);
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

  /** How long to wait for a reply: no longer than `leftMs`, nor past the next attempt at what has failed. */
  private pauseUntilRetry(leftMs: number): number {
    const nowMs = this.clock.elapsedMs();
    const retryAtMs = Math.min(this.retries.nextMs, this.retryAtMs > nowMs ? this.retryAtMs : Infinity);
    return Math.min(leftMs, retryAtMs - nowMs);
  }

  /** Sends a fetch to every leader that has partitions to read and no open fetch. */
  private async startFetches(maxWaitMs: number): Promise<void> {
    const isWanted = (a: Assigned): boolean => !a.paused && this.retries.isDue(keyOf(a.topic, a.partition));
    const wanted = [...this.assigned.values()].filter(isWanted);
    if (wanted.length === 0 || this.clock.elapsedMs() < this.retryAtMs) return;
    let cluster: Cluster;
    try {
      cluster = await this.connected(wanted);
    } catch (error) {
      await this.reconnectLater(error);
      return;
    }
    for (const [node, entries] of this.byLeader(cluster, wanted)) {
      if (this.inFlight.has(node) || !this.retries.isDue(node)) continue;
      const fetch = this.fetch(cluster, node, entries, maxWaitMs).finally(() => {
        this.inFlight.delete(node);
        this.waker.wake();
      });
      this.inFlight.set(node, fetch);
    }
  }

  /** By node id. A partition without a leader is left out, and tried again later. */
  private byLeader(cluster: Cluster, wanted: readonly Assigned[]): Map<string, Assigned[]> {
    const byLeader = new Map<string, Assigned[]>();
    for (const entry of wanted) {
      const { topic, partition } = entry;
      const leader = cluster
        .findTopicPartitionMetadata(this.prefix + topic)
        .find((m) => m.partitionId === partition)?.leader;
      if (leader === undefined || leader < 0) {
        this.partitionFailed(cluster, entry, new Error('it has no leader'));
        continue;
      }
      const node = String(leader);
      const list = byLeader.get(node);
      if (list === undefined) byLeader.set(node, [entry]);
      else list.push(entry);
    }
    return byLeader;
  }

  private partitionFailed(cluster: Cluster, { topic, partition }: Assigned, error: unknown): void {
    if (this.retries.failed(keyOf(topic, partition))) {
      this.connection.logger.warn({ topic, partition, err: messageOf(error) }, 'cannot read a partition; retrying');
    }
    this.refresh(cluster);
  }

  /** Its connections are replaced. Fetches from other brokers continue. */
  private nodeFailed(cluster: Cluster, node: string, error: unknown): void {
    if (this.closed) return;
    if (this.retries.failed(node)) {
      this.connection.logger.warn({ broker: node, err: messageOf(error) }, 'cannot fetch from a broker; retrying');
    }
    this.connections?.drop(node);
    this.refresh(cluster);
  }

  /** Looks up the current leaders; one look-up at a time, for which no fetch waits. */
  private refresh(cluster: Cluster): void {
    if (this.refreshing) return;
    this.refreshing = true;
    const { connections } = this;
    void cluster
      .refreshMetadata()
      .catch((error: unknown) => (this.connections === connections ? this.reconnectLater(error) : undefined))
      .finally(() => {
        this.refreshing = false;
        this.waker.wake();
      });
  }

  private async connected(wanted: readonly Assigned[]): Promise<Cluster> {
    this.connections ??= this.network.openConnections(this.connection);
    const cluster = await this.connections.ready;
    await cluster.addMultipleTargetTopics([...new Set(wanted.map((a) => this.prefix + a.topic))]);
    await cluster.refreshMetadataIfNecessary();
    return cluster;
  }

  /** No broker answers: all connections are replaced, beginning with the configured brokers. */
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
    this.retries.clear();
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
      const fetched = await this.network.fetchFrom(broker, {
        committedOnly: this.options.isolation === 'read_committed',
        maxWaitMs: Math.max(1, Math.round(maxWaitMs)),
        maxBytes: this.options.maxBytes ?? DEFAULT_MAX_BYTES,
        maxPartitionBytes: this.options.maxPartitionBytes ?? DEFAULT_MAX_PARTITION_BYTES,
        partitions,
      });
      if (this.closed) return;
      this.interrupted = false;
      this.backoff.reset();
      this.retries.succeeded(node);
      for (const reply of fetched) this.take(cluster, reply, asked);
    } catch (error) {
      this.nodeFailed(cluster, node, error);
    }
  }

  private take(cluster: Cluster, reply: FetchedPartition, asked: ReadonlyMap<string, Assigned>): void {
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
    if (reply.errorCode !== 0) {
      this.partitionFailed(cluster, entry, errors.createErrorFromCode(reply.errorCode));
      return;
    }
    this.retries.succeeded(key);
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
