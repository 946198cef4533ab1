import { Backoff, Deadlines, within } from '../clock/index.ts';
import type { ConnectionOptions } from './cluster.ts';
import { BackpressureError, KafkaUnavailableError, messageOf } from './errors.ts';
import { Groups, Placement, sizeOf, type PartitionsOf } from './placement.ts';
import { ProducerSession } from './produce.ts';
import type { OutgoingRecord, Producer, ProducerOptions } from './types.ts';

const MAX_REQUEST_BYTES = 4 << 20;
/** A producer without transactions does not need it, but the request has the field. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const RETRY_PAUSES = { firstMs: 50, maxMs: 1_000 };

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

/**
 * An idempotent producer with one request in flight at a time; records that arrive meanwhile are sent with the next
 * one. After an error it starts again with another producer id; it is unknown whether the records in flight were
 * written.
 */
export class BatchingProducer implements Producer {
  private session: ProducerSession | null = null;
  private begun: Promise<void> | null = null;
  private queue: Waiting[] = [];
  private bytes = 0;
  private running: Promise<void> | null = null;
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
        this.queue.push({ record, partition, bytes: sizeOf(record), send });
      }
      this.running ??= this.run();
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
    // Waits for one turn of the event loop, so that records that are sent together share a request.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length > 0) {
      const batch = this.takeBatch();
      if (batch.length === 0) continue;
      try {
        await this.deliver(batch);
        for (const { send } of batch) if (--send.left === 0) send.resolve();
      } catch (error) {
        this.dropSession();
        this.connection.logger.warn(
          { err: messageOf(error), records: batch.length },
          'cannot send records; rejecting their sends',
        );
        const failure = new KafkaUnavailableError(`not acknowledged: ${messageOf(error)}`, { cause: error });
        for (const { send } of batch) send.reject(failure);
      }
    }
    this.running = null;
  }

  /**
   * The next records in order, limited in total and by partition. Records whose deadline has passed are dropped here.
   */
  private takeBatch(): Waiting[] {
    const now = this.connection.clock.elapsedMs();
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    const full = new Set<string>();
    const groups = new Groups('');
    let total = 0;
    for (const waiting of this.queue) {
      const { record, partition, bytes, send } = waiting;
      if (send.deadlineMs < now) {
        send.reject(new KafkaUnavailableError('not sent within the delivery time'));
        continue;
      }
      const place = `${record.topic}/${partition}`;
      // A partition that is full takes no further records in this request, so that its records keep their order.
      if (full.has(place) || (total > 0 && total + bytes > MAX_REQUEST_BYTES) || !groups.fits(record, partition)) {
        full.add(place);
        rest.push(waiting);
        continue;
      }
      groups.add(record, partition);
      total += bytes;
      batch.push(waiting);
    }
    this.queue = rest;
    return batch;
  }

  private async deliver(batch: readonly Waiting[]): Promise<void> {
    let deadlineMs = -Infinity;
    const groups = new Groups(this.prefix);
    for (const { record, partition, send } of batch) {
      groups.add(record, partition);
      deadlineMs = Math.max(deadlineMs, send.deadlineMs);
    }
    const work = this.ready(deadlineMs).then((session) => session.produce(groups.list, deadlineMs));
    const { clock } = this.connection;
    await within(work, deadlineMs - clock.elapsedMs(), clock);
  }

  /** The current session, or a new one as soon as a broker assigns its id. */
  private async ready(deadlineMs: number): Promise<ProducerSession> {
    const { clock } = this.connection;
    const backoff = new Backoff(RETRY_PAUSES);
    for (;;) {
      const session = (this.session ??= new ProducerSession(this.connection, null));
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

  private dropSession(): void {
    void this.session?.close();
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

/** Requests a producer id. */
async function begin(session: ProducerSession): Promise<void> {
  const cluster = await session.connected();
  await cluster.refreshMetadataIfNecessary();
  const broker = await cluster.findControllerBroker();
  const { producerId, producerEpoch } = await broker.initProducerId({
    transactionalId: undefined,
    transactionTimeout: TRANSACTION_TIMEOUT_MS,
  });
  session.identity = { producerId: Number(producerId), producerEpoch };
}
