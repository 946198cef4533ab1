import type { Connection } from './cluster.ts';
import { BackpressureError, KafkaUnavailableError, messageOf } from './errors.ts';
import { Groups, Placement, sizeOf, type PartitionsOf } from './placement.ts';
import { ProducerSession } from './produce.ts';
import type { OutgoingRecord, Producer, ProducerOptions } from './types.ts';

const MAX_REQUEST_BYTES = 4 << 20;
/** A producer without transactions has no use for it, but the request has a field. */
const TRANSACTION_TIMEOUT_MS = 60_000;

interface Waiting {
  record: OutgoingRecord;
  partition: number;
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
 * An idempotent producer with one request on its way at a time; what arrives meanwhile goes with the next one. After an
 * error it starts anew with another producer id: of what was on its way nobody knows whether it was written.
 */
export class BatchingProducer implements Producer {
  private session: Promise<ProducerSession> | null = null;
  private queue: Waiting[] = [];
  private bytes = 0;
  private running: Promise<void> | null = null;
  private closed = false;
  private readonly placement: Placement;
  private readonly maxQueuedBytes: number;
  private readonly deliveryTimeoutMs: number;

  constructor(
    private readonly connection: Connection,
    private readonly prefix: string,
    partitionsOf: PartitionsOf,
    options: ProducerOptions = {},
  ) {
    this.placement = new Placement(partitionsOf);
    this.maxQueuedBytes = options.maxQueuedBytes ?? 64 << 20;
    this.deliveryTimeoutMs = options.deliveryTimeoutMs ?? 15_000;
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
      throw new BackpressureError(`${this.bytes} bytes wait to be sent`);
    }
    this.bytes += bytes;
    try {
      const deadlineMs = performance.now() + this.deliveryTimeoutMs;
      if (!this.placement.knows(list)) await this.placement.learn(list);
      await new Promise<void>((resolve, reject) => {
        const send: PendingSend = { left: list.length, resolve, reject, deadlineMs };
        for (const record of list) {
          const partition = this.placement.partitionOf(record);
          this.queue.push({ record, partition, bytes: sizeOf(record), send });
        }
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
        this.dropSession();
        this.connection.logger.warn({ err: messageOf(error), records: batch.length }, 'sending failed');
        const failure = new KafkaUnavailableError(`not acknowledged: ${messageOf(error)}`, { cause: error });
        for (const { send } of batch) send.reject(failure);
      }
    }
    this.running = null;
  }

  /** The next records in order, bounded in all and by partition. What has waited too long is given up here. */
  private takeBatch(): Waiting[] {
    const now = performance.now();
    const batch: Waiting[] = [];
    const rest: Waiting[] = [];
    const full = new Set<string>();
    const groups = new Groups('');
    let total = 0;
    for (const waiting of this.queue) {
      const { record, partition, bytes, send } = waiting;
      if (send.deadlineMs < now) {
        send.reject(new KafkaUnavailableError('waited too long to be sent'));
        continue;
      }
      const place = `${record.topic}/${partition}`;
      // A partition that is full stays full for this request: its records keep their order.
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
    let timer: NodeJS.Timeout | undefined;
    const leftMs = Math.max(1, deadlineMs - performance.now());
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(leftMs)} ms`)), leftMs);
    });
    const work = this.begun().then((session) => session.produce(groups.list, deadlineMs));
    work.catch(() => undefined);
    try {
      await Promise.race([work, timeout]);
    } finally {
      clearTimeout(timer);
    }
  }

  private begun(): Promise<ProducerSession> {
    this.session ??= (async () => {
      const session = new ProducerSession(this.connection, null);
      try {
        const cluster = await session.connected();
        await cluster.refreshMetadataIfNecessary();
        const broker = await cluster.findControllerBroker();
        const transactionTimeout = TRANSACTION_TIMEOUT_MS;
        const { producerId, producerEpoch } = await broker.initProducerId({
          transactionalId: undefined,
          transactionTimeout,
        });
        session.identity = { producerId: Number(producerId), producerEpoch };
        return session;
      } catch (error) {
        void session.close();
        throw error;
      }
    })();
    return this.session;
  }

  private dropSession(): void {
    const { session } = this;
    this.session = null;
    // Not awaited: a broker that is away may keep it waiting as long as a request.
    void session?.then((s) => s.close()).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.running;
    const { session } = this;
    this.session = null;
    await session?.then((s) => s.close()).catch(() => undefined);
  }
}
