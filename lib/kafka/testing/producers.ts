import {
  BackpressureError,
  FencedError,
  KafkaUnavailableError,
  TransactionError,
  UnconfirmedError,
  messageOf,
} from '../errors.ts';
import { partitionFor } from '../murmur2.ts';
import type { OffsetsToCommit, OutgoingRecord, Producer, ProducerOptions, Transactional } from '../types.ts';
import type { PlacedRecord, SimulatedBroker } from './broker.ts';
import { ConnectionError } from './network.ts';
import { protocolErrorType } from './protocol.ts';
import type { Connection } from './simulated-kafka.ts';
import type { ProducerIdentity } from './transactions.ts';

/** As long as the real one gives a transaction. */
export const TRANSACTION_TIMEOUT_MS = 10_000;
const DELIVERY_TIMEOUT_MS = 15_000;
const MAX_QUEUED_BYTES = 64 << 20;
const RETRY_FOR_MS = 6_000;
const INIT_RETRY_FOR_MS = 30_000;
const FIRST_PAUSE_MS = 2;
const MAX_PAUSE_MS = 200;

function place(broker: SimulatedBroker, record: OutgoingRecord): PlacedRecord {
  const { topic, key, partition } = record;
  if (partition !== undefined) return { ...record, partition };
  return { ...record, partition: key === null ? 0 : partitionFor(key, broker.logs(topic).length) };
}

const sizeOf = ({ key, value }: OutgoingRecord): number => (key?.length ?? 0) + (value?.length ?? 0);

/** Idempotent, one request at a time. After an error it continues with another producer id. */
export class SimulatedProducer implements Producer {
  queuedBytes = 0;
  private producerId: number | null = null;
  private sequence = 0;
  private last: Promise<void> = Promise.resolve();
  private closed = false;

  constructor(
    private readonly connection: Connection,
    private readonly options: ProducerOptions = {},
  ) {}

  async send(records: OutgoingRecord | readonly OutgoingRecord[]): Promise<void> {
    const list = Array.isArray(records) ? (records as readonly OutgoingRecord[]) : [records as OutgoingRecord];
    if (this.closed) throw new KafkaUnavailableError('the producer is closed');
    const bytes = list.reduce((sum, record) => sum + sizeOf(record), 0);
    if (this.queuedBytes > 0 && this.queuedBytes + bytes > (this.options.maxQueuedBytes ?? MAX_QUEUED_BYTES)) {
      throw new BackpressureError(`${this.queuedBytes} bytes are queued already`);
    }
    this.queuedBytes += bytes;
    const { clock } = this.connection.process;
    const deadlineMs = clock.elapsedMs() + (this.options.deliveryTimeoutMs ?? DELIVERY_TIMEOUT_MS);
    const sent = this.last.then(() => this.deliver(list, deadlineMs)).finally(() => (this.queuedBytes -= bytes));
    this.last = sent.catch(() => undefined);
    await sent;
  }

  private async deliver(list: readonly OutgoingRecord[], deadlineMs: number): Promise<void> {
    const { process, broker, network } = this.connection;
    for (;;) {
      try {
        const producerId = (this.producerId ??= await network.request(process, 'init producer', () =>
          broker.createProducerId(),
        ));
        const { sequence } = this;
        await network.request(process, 'produce', () =>
          broker.produce(
            producerId,
            sequence,
            list.map((record) => place(broker, record)),
          ),
        );
        this.sequence++;
        return;
      } catch (error) {
        if (error instanceof ConnectionError && process.clock.elapsedMs() + MAX_PAUSE_MS < deadlineMs) {
          await process.clock.sleep(MAX_PAUSE_MS);
          continue;
        }
        // Nobody knows whether it was written.
        this.producerId = null;
        this.sequence = 0;
        throw new KafkaUnavailableError(`not acknowledged: ${messageOf(error)}`, { cause: error });
      }
    }
  }

  async close(): Promise<void> {
    this.closed = true;
    await this.last;
  }
}

/** One transactional id, as the real one: what may be sent again is, anything else breaks it for good. */
export class SimulatedTransactional implements Transactional {
  private identity: (ProducerIdentity & { timeoutMs: number }) | null = null;
  private sequence = 0;
  private broken: Error | null = null;

  constructor(
    private readonly connection: Connection,
    private readonly transactionalId: string,
  ) {}

  async init(mayFence: () => boolean = () => true): Promise<void> {
    const { process, broker, network } = this.connection;
    await this.guarded(async () => {
      this.identity = await this.retrying(INIT_RETRY_FOR_MS, ['CONCURRENT_TRANSACTIONS'], () => {
        if (!mayFence()) throw new UnconfirmedError('the group has not confirmed this member');
        return network.request(process, 'init producer', () =>
          broker.transactions.init(this.transactionalId, TRANSACTION_TIMEOUT_MS),
        );
      });
    });
  }

  async send(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.guarded(async () => {
      await this.addPartitions(records);
      await this.produce(records);
    });
  }

  async commit(offsets: OffsetsToCommit, records: readonly OutgoingRecord[] = []): Promise<void> {
    const { broker, network, process } = this.connection;
    await this.guarded(async () => {
      const identity = this.requireIdentity();
      await this.addPartitions(records);
      const results = await Promise.allSettled([
        this.produce(records),
        this.coordinated(() =>
          network.request(process, 'commit offsets', () => broker.transactions.addOffsets(identity, offsets)),
        ),
      ]);
      const errors = results.flatMap((result) => (result.status === 'rejected' ? [translate(result.reason)] : []));
      const error = errors.find((one) => one instanceof FencedError) ?? errors[0];
      if (error !== undefined) throw error;
      await this.coordinated(() =>
        network.request(process, 'end transaction', () => broker.transactions.end(identity, true)),
      );
    });
  }

  private async addPartitions(records: readonly OutgoingRecord[]): Promise<void> {
    if (records.length === 0) return;
    const { broker, network, process } = this.connection;
    const identity = this.requireIdentity();
    await this.coordinated(() =>
      network.request(process, 'add partitions', () =>
        broker.transactions.addPartitions(
          identity,
          records.map((record) => place(broker, record)).map(({ topic, partition }) => broker.log(topic, partition)),
        ),
      ),
    );
  }

  private async produce(records: readonly OutgoingRecord[]): Promise<void> {
    const { broker, network, process } = this.connection;
    const identity = this.requireIdentity();
    const placed = records.map((record) => place(broker, record));
    // As many requests as there are leaders; they may come between anything.
    for (const topic of new Set(placed.map((record) => record.topic))) {
      const sequence = this.sequence++;
      const own = placed.filter((record) => record.topic === topic);
      await this.retrying(RETRY_FOR_MS, ['connection'], () =>
        network.request(process, 'produce', () => broker.produceInTransaction(identity, sequence, own)),
      );
    }
  }

  close(): Promise<void> {
    this.broken ??= new TransactionError('closed');
    return Promise.resolve();
  }

  private requireIdentity(): ProducerIdentity & { timeoutMs: number } {
    if (this.identity === null) throw new TransactionError('not initialised');
    return this.identity;
  }

  private async guarded(work: () => Promise<void>): Promise<void> {
    if (this.broken !== null) throw this.broken;
    try {
      await work();
    } catch (error) {
      throw (this.broken ??= translate(error));
    }
  }

  private coordinated<T>(ask: () => Promise<T>): Promise<T> {
    return this.retrying(RETRY_FOR_MS, ['CONCURRENT_TRANSACTIONS'], ask);
  }

  private async retrying<T>(retryForMs: number, passing: readonly string[], ask: () => Promise<T>): Promise<T> {
    const { clock } = this.connection.process;
    const deadlineMs = clock.elapsedMs() + retryForMs;
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(MAX_PAUSE_MS, pauseMs * 2)) {
      if (this.broken !== null) throw this.broken;
      try {
        return await ask();
      } catch (error) {
        const type = error instanceof ConnectionError ? 'connection' : (protocolErrorType(error) ?? '');
        if (!passing.includes(type) || clock.elapsedMs() + pauseMs > deadlineMs) throw error;
        await clock.sleep(pauseMs);
      }
    }
  }
}

function translate(error: unknown): Error {
  if (error instanceof FencedError || error instanceof TransactionError || error instanceof UnconfirmedError)
    return error;
  return protocolErrorType(error) === 'INVALID_PRODUCER_EPOCH'
    ? new FencedError(messageOf(error), { cause: error })
    : new TransactionError(messageOf(error), { cause: error });
}
