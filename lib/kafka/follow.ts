import { Backoff, NoAnswerError, within, type Clock } from '../clock/index.ts';
import { OffsetOutOfRangeError } from './errors.ts';
import type { Batch, Kafka, KafkaRecord, Reader } from './types.ts';

export interface FollowOptions {
  kafka: Pick<Kafka, 'beginningOffsets' | 'createReader' | 'endOffsets'>;
  topic: string;
  /** The next offset to read, by partition; undefined for a partition that is read from its beginning. */
  from?: readonly (number | undefined)[];
  /**
   * Takes what was read, in the order of each partition; nothing more is read until it has finished. When it throws, the
   * same records are delivered again later.
   */
  onBatch(batch: Batch): void | Promise<void>;
  logger: { warn(fields: object, message: string): void };
  clock: Clock;
}

/** Reads all partitions of a topic and keeps reading until it is stopped. */
export interface TopicFollower {
  /** The next offset by partition: every record before it was handled. Empty until the follower has reached Kafka. */
  readonly positions: readonly number[];
  /**
   * Resolves once every record that was committed to the topic before this call has been handled. Concurrent calls share
   * their requests to Kafka, at most 50 a second. Throws NoAnswerError after `timeoutMs` and after `stop`, and
   * KafkaUnavailableError.
   */
  caughtUp(timeoutMs: number): Promise<void>;
  /** Ends reading; a batch that is being handled is finished first. */
  stop(): Promise<void>;
}

const POLL_MS = 1_000;
const ENDS_INTERVAL_MS = 20;

/** Follows a topic: committed records only. Errors are logged, and reading is retried until `stop`. */
export function followTopic(options: FollowOptions): TopicFollower {
  const follower = new Follower(options);
  follower.start();
  return follower;
}

interface Waiter {
  ends: readonly number[];
  resolve(): void;
  reject(error: Error): void;
}

class Follower implements TopicFollower {
  readonly positions: number[] = [];
  private readonly backoff = new Backoff({ firstMs: 100, maxMs: 5_000 });
  private readonly stopping = new AbortController();
  private readonly waiters = new Set<Waiter>();
  private readonly fromBeginning = new Set<number>();
  private running: Promise<void> = Promise.resolve();
  private reader: Reader | undefined;
  private ends: Promise<readonly number[]> | undefined;
  private endsAskedAtMs = -Infinity;

  constructor(private readonly options: FollowOptions) {}

  start(): void {
    this.running = this.run();
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.abandonWaiters();
    // Ends the current poll.
    await this.reader?.close();
    await this.running;
  }

  async caughtUp(timeoutMs: number): Promise<void> {
    // A request that was sent before this call may return an earlier end, so only a request that is not sent yet is
    // shared.
    this.ends ??= this.askEnds();
    let waiter: Waiter | undefined;
    const reached = this.ends.then((ends) => {
      if (this.hasReached(ends)) return;
      return new Promise<void>((resolve, reject) => {
        waiter = { ends, resolve, reject };
        this.waiters.add(waiter);
        if (this.stopping.signal.aborted) this.abandonWaiters();
      });
    });
    try {
      await within(reached, timeoutMs, this.options.clock);
    } finally {
      if (waiter !== undefined) this.waiters.delete(waiter);
    }
  }

  private async askEnds(): Promise<readonly number[]> {
    const { clock, kafka, topic } = this.options;
    await clock.sleep(Math.max(0, this.endsAskedAtMs + ENDS_INTERVAL_MS - clock.elapsedMs()));
    this.ends = undefined;
    this.endsAskedAtMs = clock.elapsedMs();
    return kafka.endOffsets(topic);
  }

  private abandonWaiters(): void {
    for (const { reject } of this.waiters) reject(new NoAnswerError(`${this.options.topic} is no longer followed`));
  }

  private hasReached(ends: readonly number[]): boolean {
    return ends.every((end, partition) => (this.positions[partition] ?? -1) >= end);
  }

  private async run(): Promise<void> {
    const { clock, kafka, logger, topic } = this.options;
    const { signal } = this.stopping;
    while (!signal.aborted) {
      const reader = kafka.createReader({ isolation: 'read_committed' });
      this.reader = reader;
      try {
        await this.assign(reader);
        while (!signal.aborted) await this.take(await reader.poll(POLL_MS));
      } catch (error) {
        if (signal.aborted) break;
        // Retention has deleted the next offset, or the topic was created again. Either way, continue with what is
        // left.
        if (error instanceof OffsetOutOfRangeError) this.fromBeginning.add(error.partition);
        const retryMs = this.backoff.nextMs();
        logger.warn({ err: error, topic, retryMs }, 'reading the topic failed; retrying');
        await clock.sleep(retryMs, signal);
      } finally {
        await reader.close();
      }
    }
  }

  private async assign(reader: Reader): Promise<void> {
    const { from, kafka, topic } = this.options;
    const beginnings = await kafka.beginningOffsets(topic);
    beginnings.forEach((beginning, partition) => {
      if (this.fromBeginning.delete(partition)) this.positions[partition] = beginning;
      else this.positions[partition] ??= from?.[partition] ?? beginning;
    });
    reader.assign(this.positions.map((offset, partition) => ({ topic, partition, offset })));
  }

  private async take(batches: readonly Batch[]): Promise<void> {
    for (const batch of batches) {
      if (this.stopping.signal.aborted) return;
      await this.options.onBatch(batch);
      this.positions[batch.partition] = batch.nextOffset;
      this.backoff.reset();
    }
    if (batches.length === 0) return;
    for (const waiter of this.waiters) if (this.hasReached(waiter.ends)) waiter.resolve();
  }
}

export interface DecodeOptions<T> {
  codec: {
    /** Throws when the bytes are not a record of the topic. */
    decode(value: Buffer): T;
    /** Prepares the decoding of these values, e.g. fetches their schemas. When it throws, the batch is retried. */
    load?(values: readonly Buffer[]): Promise<void>;
  };
  /** `value` is null for a tombstone. */
  onRecord(value: T | null, record: KafkaRecord): void;
  logger: { warn(fields: object, message: string): void };
}

/** The `onBatch` of a follower of decoded records. A record that cannot be decoded is logged and skipped. */
export const decodeEach =
  <T>({ codec, onRecord, logger }: DecodeOptions<T>) =>
  async ({ topic, partition, records }: Batch): Promise<void> => {
    await codec.load?.(records.flatMap(({ value }) => value ?? []));
    for (const record of records) {
      let value: T | null;
      try {
        value = record.value === null ? null : codec.decode(record.value);
      } catch (error) {
        logger.warn({ err: error, topic, partition, offset: record.offset }, 'cannot decode a record; skipping it');
        continue;
      }
      onRecord(value, record);
    }
  };
