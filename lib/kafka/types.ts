/** A record to append. `key` is UTF-8; without `partition` the key decides, as in Kafka's own clients. */
export interface OutgoingRecord {
  topic: string;
  key: string | null;
  value: Buffer | null;
  partition?: number;
  headers?: Record<string, Buffer>;
}

/** How connections are secured. If left out: plain TCP without authentication. */
export interface KafkaSecurity {
  /** PEM texts. Without `ca`, the certificate authorities that Node trusts. */
  tls?: { ca?: string; cert?: string; key?: string };
  sasl?: { mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512'; username: string; password: string };
}

/** A record as read. Buffers are views into the reply of the broker: copy what you keep for long. */
export interface KafkaRecord {
  offset: number;
  /** Unix milliseconds: the broker's append time on topics with LogAppendTime. */
  timestampMs: number;
  key: Buffer | null;
  value: Buffer | null;
  headers: Readonly<Record<string, Buffer | null>>;
}

export interface Batch {
  topic: string;
  partition: number;
  /** May be empty: then the batch only reports how far the partition was read. */
  records: KafkaRecord[];
  /** The offset at which reading continues, after transaction markers and aborted records. */
  nextOffset: number;
  highWatermark: number;
  /** The last stable offset: no transaction that began before it is still open. */
  lastStableOffset: number;
  /** The owner for which it was read, as given to `assign` or `seek`. */
  owner?: object | undefined;
}

export interface PartitionOffset {
  topic: string;
  partition: number;
  offset: number;
  /** Identifies the owner of this read: see Batch and `remove`. */
  owner?: object | undefined;
}

/** Reads partitions from explicit offsets, without a group. Do not poll concurrently. */
export interface Reader {
  /** Replaces the partitions that are read. */
  assign(partitions: readonly PartitionOffset[]): void;
  /** Adds a partition, or moves it to another offset; it is not paused then. */
  seek(partition: PartitionOffset): void;
  /** Stops reading a partition; with an owner, only if it is still read for that owner. */
  remove(topic: string, partition: number, owner?: object): void;
  pause(topic: string, partition: number): void;
  resume(topic: string, partition: number): void;
  /**
   * The next batches, or none after `maxWaitMs`. Errors of brokers are logged and retried. Throws an
   * UnreadablePartitionError, repeatedly until that partition is removed or moved; the others are still read.
   */
  poll(maxWaitMs: number): Promise<Batch[]>;
  close(): Promise<void>;
}

export interface Producer {
  /**
   * Resolves when the records are durable (acks=all). Rejects with BackpressureError at once when too much is queued,
   * and with KafkaUnavailableError within the delivery time: the outcome is then unknown.
   */
  send(records: OutgoingRecord | readonly OutgoingRecord[]): Promise<void>;
  /** Bytes that are queued or in flight. */
  readonly queuedBytes: number;
  close(): Promise<void>;
}

/** The committed offset of a group in one partition. */
export interface CommittedOffset {
  /** The next offset to read. */
  offset: number;
  /** Free text that was committed with it. */
  metadata: string;
}

export interface TopicSpec {
  topic: string;
  partitions: number;
  /** Kafka's topic settings, such as `{'retention.ms': '-1'}`. */
  config?: Record<string, string>;
}

export interface GroupOptions {
  groupId: string;
  topic: string;
  /** Base URL of the member's health server, part of the group's description. */
  url: string | null;
  /** Receives the complete assignment of a new generation; called after `onRevoked`. */
  onAssigned(partitions: number[], generation: number): void;
  /** Receives the partitions that this member owned and that are now assigned to another member. */
  onRevoked(partitions: number[]): void;
  /**
   * The member was removed from the group, so its partitions may have another owner already. It rejoins automatically.
   */
  onLost(partitions: number[]): void;
  sessionTimeoutMs?: number;
  heartbeatIntervalMs?: number;
  rebalanceTimeoutMs?: number;
}

export interface Member {
  readonly memberId: string;
  readonly generation: number;
  readonly partitions: readonly number[];
  /**
   * When the last request was sent by whose reply the coordinator confirmed this member in its generation, by the clock's
   * `elapsedMs`.
   */
  readonly confirmedAtMs: number;
  /**
   * The coordinator has confirmed the assignment, and its session cannot have ended since. False while the member joins:
   * its partitions may have another owner by the time of the reply.
   */
  readonly isConfirmed: boolean;
  /** Asks the group for a new generation. */
  rejoin(): void;
  leave(): Promise<void>;
}

export interface GroupDescription {
  /** Kafka's name: Stable, PreparingRebalance, CompletingRebalance, Empty, Dead. */
  state: string;
  members: { memberId: string; url: string | null; partitions: number[] }[];
}

export interface OffsetsToCommit {
  groupId: string;
  topic: string;
  partition: number;
  offset: number;
  metadata: string;
}

/** One transactional id. After any error only `close` may be called. */
export interface Transactional {
  /**
   * Fences every earlier producer with the id, and completes or aborts its open transaction. `mayFence` is asked
   * immediately before each request that does so; when it returns false, nothing is sent, and an UnconfirmedError is
   * thrown.
   */
  init(mayFence?: () => boolean): Promise<void>;
  /** Appends records to the current transaction, or begins one. Throws FencedError, TransactionError. */
  send(records: readonly OutgoingRecord[]): Promise<void>;
  /**
   * Appends `records`, and commits them and what was sent before together with the input's offset. Throws FencedError,
   * or TransactionError: then its outcome is unknown until a new init.
   */
  commit(offsets: OffsetsToCommit, records?: readonly OutgoingRecord[]): Promise<void>;
  close(): Promise<void>;
}

/** The offsets that a partition holds, from `beginning` up to but not including `end`. */
export interface OffsetRange {
  beginning: number;
  end: number;
}

/** The port to Kafka. Names of topics and groups do not include the installation's prefix; the port adds it. */
export interface Kafka {
  readonly topicPrefix: string;
  /**
   * Creates missing topics and updates their settings, which brokers apply a moment after. Throws when a topic has
   * another number of partitions.
   */
  ensureTopics(topics: readonly TopicSpec[]): Promise<void>;
  /** Number of partitions. Throws UnknownTopicError. */
  partitionsOf(topic: string): Promise<number>;
  /** High watermarks by partition: the next offset to be written. */
  endOffsets(topic: string): Promise<number[]>;
  /** First offsets still in the log, by partition. */
  beginningOffsets(topic: string): Promise<number[]>;
  /**
   * The first offset of one partition that is still in the log, and its high watermark. Only the partition's own leader
   * is asked, so other partitions may be without a leader.
   */
  rangeOf(topic: string, partition: number): Promise<OffsetRange>;
  /** The high watermark of one partition, by its own leader; with `read_committed`, its last stable offset. */
  endOf(topic: string, partition: number, isolation?: ReaderOptions['isolation']): Promise<number>;
  /** Java's default partitioner: murmur2 of the UTF-8 key. */
  partitionFor(key: string, partitions: number): number;
  createProducer(options?: ProducerOptions): Producer;
  createReader(options: ReaderOptions): Reader;
  joinGroup(options: GroupOptions): Member;
  describeGroup(groupId: string): Promise<GroupDescription>;
  /** By partition; null if nothing was committed. */
  committedOffsets(groupId: string, topic: string): Promise<(CommittedOffset | null)[]>;
  /** For lib/streams only. */
  transactional(transactionalId: string): Transactional;
  close(): Promise<void>;
}

export interface ProducerOptions {
  /** Above this, sends are refused (default 64 MiB). */
  maxQueuedBytes?: number;
  /** How long a send may take before it is dropped (default 15 s). */
  deliveryTimeoutMs?: number;
}

export interface ReaderOptions {
  isolation: 'read_committed' | 'read_uncommitted';
  /** Maximum size of a reply in bytes (default 8 MiB), and of one partition in it (default 2 MiB). */
  maxBytes?: number;
  maxPartitionBytes?: number;
}
