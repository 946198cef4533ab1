import { Backoff, Deadlines, within } from '../clock/index.ts';
import type { ConnectionOptions } from './cluster.ts';
import { BackpressureError, KafkaUnavailableError, messageOf } from './errors.ts';
import { Groups, Placement, sizeOf, type PartitionsOf } from './placement.ts';
import { ProducerSession } from './produce.ts';
import { RETRY_PAUSES } from './retries.ts';
import type { OutgoingRecord, Producer, ProducerOptions } from './types.ts';

const MAX_REQUEST_BYTES = 4 << 20;
/** A producer without transactions does not need it, but the request has the field. */
const TRANSACTION_TIMEOUT_MS = 60_000;

interface Waiting {
  record: OutgoingRecord;
  partition: number;
  bytes: number;
  /** The call of `send` that this record belongs to. */
  send: PendingSend;
}

interface PendingSend {
  left: number;
  resolve: () => void;
  reject: (error: Error) => void;
  deadlineMs: number;
}

/** The session of a producer without transactions. */
export type Session = Pick<
  ProducerSession,
  'begin' | 'close' | 'connected' | 'identity' | 'leaderOf' | 'learn' | 'produce'
>;

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/**
 * An idempotent producer with one request in flight at a time to each broker; records that arrive meanwhile are sent
 * with the next one. A broker that does not answer holds up only the partitions that it leads. After an error it
 * continues with another producer id; it is unknown whether the records of that request were written.
 */
export class BatchingProducer implements Producer {
  private session: Session | null = null;
  private begun: Promise<void> | null = null;
  /** Waiting records by partition, each in order. Partitions that were served longest ago come first. */
  private readonly queues = new Map<string, Waiting[]>();
  /** Partitions with a batch under way: their next records wait, so that they keep their order. */
  private readonly busy = new Set<string>();
  /** Node ids of brokers with a request under way. */
  private readonly busyBrokers = new Set<number>();
  private readonly deliveries = new Set<Promise<void>>();
  private bytes = 0;
  private running: Promise<void> | null = null;
  /** Ends the wait of `run`. */
  private wake: () => void = () => undefined;
  private closed = false;
  private readonly placement: Placement;
  private readonly maxQueuedBytes: number;
  private readonly deliveryTimeoutMs: number;
  private readonly deadlines: Deadlines;

  constructor(
    private readonly connection: ConnectionOptions,
    private readonly prefix: string,
    partitionsOf: PartitionsOf,
    options: ProducerOptions = {},
    /** Tests give another one. */
    private readonly createSession: () => Session = () => new ProducerSession(connection, null),
  ) {
    this.placement = new Placement(partitionsOf);
    this.maxQueuedBytes = options.maxQueuedBytes ?? 64 << 20;
    this.deliveryTimeoutMs = options.deliveryTimeoutMs ?? 15_000;
    this.deadlines = new Deadlines(connection.clock, this.deliveryTimeoutMs);
  }

  get queuedBytes(): number {
    return this.bytes;
  }

  async send(records: OutgoingRecord | readonly OutgoingRecord[]): Promise<void> {
    const list = Array.isArray(records) ? (records as readonly OutgoingRecord[]) : [records as OutgoingRecord];
    if (list.length === 0) return;
    let bytes = 0;
    for (const record of list) bytes += sizeOf(record);
    if (this.closed) throw new KafkaUnavailableError('the producer is closed');
    if (this.bytes > 0 && this.bytes + bytes > this.maxQueuedBytes) {
      throw new BackpressureError(`${this.bytes} bytes are queued already`);
    }
    this.bytes += bytes;
    const deadlineMs = this.connection.clock.elapsedMs() + this.deliveryTimeoutMs;
    // Records count as queued until they are sent or dropped, even after their send has timed out.
    const delivery = this.enqueue(list, deadlineMs).finally(() => (this.bytes -= bytes));
    // A request has the deadline of its latest send; the earlier ones time out here.
    await this.limited(delivery);
  }

  /** Rejects a delivery that takes too long; it is not cancelled. */
  private limited(delivery: Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      const end = this.deadlines.start(() =>
        reject(new KafkaUnavailableError(`not acknowledged: no answer within ${this.deliveryTimeoutMs} ms`)),
      );
      delivery.then(resolve, reject).finally(end);
    });
  }

  private async enqueue(list: readonly OutgoingRecord[], deadlineMs: number): Promise<void> {
    if (!this.placement.knows(list)) await this.learn(list);
    await new Promise<void>((resolve, reject) => {
      const send: PendingSend = { left: list.length, resolve, reject, deadlineMs };
      for (const record of list) {
        const partition = this.placement.partitionOf(record);
        const key = keyOf(record.topic, partition);
        const waiting = { record, partition, bytes: sizeOf(record), send };
        const queue = this.queues.get(key);
        if (queue === undefined) this.queues.set(key, [waiting]);
        else queue.push(waiting);
      }
      this.running ??= this.run();
      this.wake();
    });
  }

  private async learn(list: readonly OutgoingRecord[]): Promise<void> {
    try {
      await within(this.placement.learn(list), this.deliveryTimeoutMs, this.connection.clock);
    } catch (error) {
      throw new KafkaUnavailableError(`not sent: ${messageOf(error)}`, { cause: error });
    }
  }

  private async run(): Promise<void> {
    for (;;) {
      // One turn of the event loop, so that what is sent together goes together.
      await new Promise((resolve) => setImmediate(resolve));
      const batch = this.takeBatch();
      if (batch.length > 0) await this.start(batch);
      else if (this.deliveries.size > 0) await new Promise<void>((resolve) => (this.wake = resolve));
      else if (this.queues.size === 0) break;
    }
    this.running = null;
  }

  /**
   * The next records of partitions that have none under way, whose brokers have none either, bounded in all and by
   * partition. Records that have waited too long are dropped here.
   */
  private takeBatch(): Waiting[] {
    const now = this.connection.clock.elapsedMs();
    const batch: Waiting[] = [];
    const groups = new Groups('');
    let total = 0;
    for (const [key, queue] of [...this.queues]) {
      if (this.busy.has(key) || this.busyBrokers.has(this.leaderOf(queue[0]!))) continue;
      let taken = 0;
      for (const waiting of queue) {
        const { record, partition, bytes, send } = waiting;
        if (send.deadlineMs < now) {
          send.reject(new KafkaUnavailableError('not sent within the delivery time'));
        } else {
          if ((total > 0 && total + bytes > MAX_REQUEST_BYTES) || !groups.fits(record, partition)) break;
          groups.add(record, partition);
          total += bytes;
          batch.push(waiting);
        }
        taken++;
      }
      if (taken === 0) continue;
      queue.splice(0, taken);
      this.queues.delete(key);
      if (queue.length > 0) this.queues.set(key, queue);
    }
    return batch;
  }

  private leaderOf({ record, partition }: Waiting): number {
    return this.session?.leaderOf(this.prefix + record.topic, partition) ?? -1;
  }

  /** Finds the brokers of a batch and begins to send each its part. */
  private async start(batch: readonly Waiting[]): Promise<void> {
    const { clock } = this.connection;
    const deadlineMs = latestDeadlineMs(batch);
    let session: Session;
    try {
      session = await within(this.ready(deadlineMs), deadlineMs - clock.elapsedMs(), clock);
      const topics = [...new Set(batch.map(({ record }) => this.prefix + record.topic))];
      // What cannot be found now is tried again with the sending.
      await within(session.learn(topics), deadlineMs - clock.elapsedMs(), clock).catch(() => undefined);
    } catch (error) {
      this.dropSession();
      this.rejected(batch, error);
      return;
    }
    const byLeader = new Map<number, Waiting[]>();
    for (const waiting of batch) {
      const leader = this.leaderOf(waiting);
      const part = byLeader.get(leader);
      if (part === undefined) byLeader.set(leader, [waiting]);
      else part.push(waiting);
    }
    for (const [leader, part] of byLeader) {
      const delivery = this.deliver(session, leader, part).finally(() => {
        this.deliveries.delete(delivery);
        this.wake();
      });
      this.deliveries.add(delivery);
    }
  }

  /** Never rejects. */
  private async deliver(session: Session, leader: number, batch: readonly Waiting[]): Promise<void> {
    const { clock } = this.connection;
    const keys = new Set(batch.map(({ record, partition }) => keyOf(record.topic, partition)));
    for (const key of keys) this.busy.add(key);
    // Partitions without a leader wait for nothing that they have in common.
    if (leader >= 0) this.busyBrokers.add(leader);
    const groups = new Groups(this.prefix);
    for (const { record, partition } of batch) groups.add(record, partition);
    const deadlineMs = latestDeadlineMs(batch);
    try {
      await within(session.produce(groups.list, deadlineMs), deadlineMs - clock.elapsedMs(), clock);
      for (const { send } of batch) if (--send.left === 0) send.resolve();
    } catch (error) {
      // Its numbers are no longer known. What is under way with the same id is not affected.
      if (this.session === session) this.begun = null;
      this.rejected(batch, error);
    }
    for (const key of keys) this.busy.delete(key);
    this.busyBrokers.delete(leader);
  }

  private rejected(batch: readonly Waiting[], error: unknown): void {
    this.connection.logger.warn(
      { err: messageOf(error), records: batch.length },
      'cannot send records; rejecting their sends',
    );
    const failure = new KafkaUnavailableError(`not acknowledged: ${messageOf(error)}`, { cause: error });
    for (const { send } of batch) send.reject(failure);
  }

  /** The current session, or a new one as soon as a broker assigns its id. */
  private async ready(deadlineMs: number): Promise<Session> {
    const { clock } = this.connection;
    const backoff = new Backoff(RETRY_PAUSES);
    for (;;) {
      const session = (this.session ??= this.createSession());
      try {
        await (this.begun ??= begin(session));
        return session;
      } catch (error) {
        if (this.session === session) this.dropSession();
        const pauseMs = backoff.nextMs();
        if (this.closed || clock.elapsedMs() + pauseMs > deadlineMs) throw error;
        await clock.sleep(pauseMs);
      }
    }
  }

  /** Closes a session. Requests on its connections are still finished. */
  private dropSession(): void {
    const { session } = this;
    void Promise.all(this.deliveries).then(() => session?.close());
    this.session = null;
    this.begun = null;
  }

  /** Queued records are still sent, or dropped at their deadline. */
  async close(): Promise<void> {
    this.closed = true;
    await this.running;
    this.deadlines.close();
    await this.session?.close();
  }
}

const latestDeadlineMs = (batch: readonly Waiting[]): number =>
  batch.reduce((latest, { send }) => Math.max(latest, send.deadlineMs), -Infinity);

/** Asks for a producer id. */
async function begin(session: Session): Promise<void> {
  const cluster = await session.connected();
  await cluster.refreshMetadataIfNecessary();
  const broker = await cluster.findControllerBroker();
  const { producerId, producerEpoch } = await broker.initProducerId({
    transactionalId: undefined,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
  });
  session.begin({ producerId: Number(producerId), producerEpoch });
}
