import { BLANK_SNAPSHOT } from '../../lib/carts/index.ts';
/** Doubles for tests of the sink: ClickHouse and one topic of Kafka, as lists that a test fills and reads. */
import type { EncodedRows } from '../../lib/clickhouse/client.ts';
import { rowEncoder, string } from '../../lib/clickhouse/rowbinary.ts';
import type { LedgerRow } from '../../lib/clickhouse/schema.ts';
import { Waker, type Clock } from '../../lib/clock/index.ts';
import type { Batch, GroupOptions, Kafka, KafkaRecord, PartitionOffset, Reader } from '../../lib/kafka/types.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Cart } from '../../schemas/types.ts';
import type { LedgerSpan, SinkDatabase } from './database.ts';
import type { Erasure } from './erasure.ts';
import type { TopicContent } from './topic-consumer-options.ts';

const topic = TOPICS.traitEvents;
const rows = rowEncoder('texts', { text: string });

/** Records of text, each with one row in the table `texts`. "unusable" has none. */
export const TEXTS: TopicContent<string> = {
  topic,
  tables: ['texts'],
  addRows: (block, text) => {
    if (text === 'unusable') throw new Error('a text without a row');
    block.add(rows, { text });
  },
  sameCause: () => false,
  logTimeMs: () => 0,
};

export const recordOf = (offset: number, value: string): KafkaRecord => ({
  ...{ offset, timestampMs: 0, key: null, value: Buffer.from(value), headers: {} },
});

/** In memory. `refuse` makes every request fail while it is true for what is asked. */
export class MemoryDatabase implements SinkDatabase {
  readonly inserts: EncodedRows[] = [];
  readonly erasures: Erasure[] = [];
  readonly ledger: LedgerRow[] = [];
  readonly ledgerReads: number[][] = [];
  refuse: (request: string) => boolean = () => false;

  insert(insert: EncodedRows): Promise<void> {
    return this.answer(insert.table, () => void this.inserts.push(insert));
  }

  erase(erasure: Erasure): Promise<void> {
    return this.answer('erasure', () => void this.erasures.push(erasure));
  }

  appendToLedger(appended: readonly LedgerRow[]): Promise<void> {
    return this.answer('ledger', () => void this.ledger.push(...appended));
  }

  readLedger(_: string, partitions: readonly number[]): Promise<LedgerSpan[]> {
    return this.answer('ledger', () => {
      this.ledgerReads.push([...partitions]);
      return this.ledger
        .filter(({ partition }) => partitions.includes(partition))
        .map(({ partition, checkpoint, first_offset, last_offset, last_record }) => ({
          ...{ partition, checkpoint, first: first_offset, last: last_offset, mark: last_record },
        }));
    });
  }

  /** Every block in the ledger: partition, first and last offset, records. */
  get blocks(): [number, number, number, number][] {
    return this.ledger
      .filter(({ checkpoint }) => !checkpoint)
      .map((row) => [row.partition, row.first_offset, row.last_offset, row.rows]);
  }

  private answer<T>(request: string, done: () => T): Promise<T> {
    if (this.refuse(request)) return Promise.reject(new Error('refused'));
    return Promise.resolve(done());
  }
}

/** One topic with two partitions and a group of one member. */
export class ScriptedKafka {
  readonly assigns: PartitionOffset[][] = [];
  readonly seeks: PartitionOffset[] = [];
  readonly removes: number[] = [];
  polls = 0;
  /** How long it takes to close the reader. */
  closeMs = 0;
  /** What the log holds at every offset that is read individually. */
  standing = 'last';
  group: GroupOptions | undefined;
  /** Partitions without a leader. */
  readonly leaderless = new Set<number>();
  private readonly ready: (Batch | Error)[] = [];
  private readonly owners = new Map<number, object | undefined>();
  private readonly waker: Waker;

  constructor(private readonly clock: Clock) {
    this.waker = new Waker(clock);
  }

  /** Records that come with the next poll. */
  say(partition: number, offset: number, ...values: string[]): void {
    const records = values.map((value, at) => recordOf(offset + at, value));
    this.ready.push(batchOf(partition, records, offset + values.length, this.owners.get(partition)));
    this.waker.wake();
  }

  /** The next poll throws it. */
  fail(error: Error): void {
    this.ready.push(error);
    this.waker.wake();
  }

  get port(): Kafka {
    const port: Partial<Kafka> = {
      createReader: ({ isolation }) =>
        (isolation === 'read_committed' ? this.reader() : this.lookingReader()) as Reader,
      joinGroup: (options) => {
        this.group = options;
        return {
          memberId: 'm',
          generation: 1,
          partitions: [],
          confirmedAtMs: 0,
          isConfirmed: true,
          rejoin() {},
          leave: async () => {},
        };
      },
      rangeOf: (_, partition) =>
        this.leaderless.has(partition)
          ? Promise.reject(new Error('no leader'))
          : Promise.resolve({ beginning: 0, end: 100 }),
    };
    return port as Kafka;
  }

  private reader(): Partial<Reader> {
    return {
      assign: (partitions) => {
        this.assigns.push([...partitions]);
        this.owners.clear();
        for (const { partition, owner } of partitions) this.owners.set(partition, owner);
      },
      seek: (partition) => {
        this.seeks.push(partition);
        this.owners.set(partition.partition, partition.owner);
      },
      remove: (_, partition) => void this.removes.push(partition),
      poll: async (maxWaitMs) => {
        this.polls += 1;
        if (this.ready.length === 0) await this.waker.sleep(maxWaitMs);
        const next = this.ready.shift();
        if (next instanceof Error) throw next;
        return next === undefined ? [] : [next];
      },
      close: async () => {
        this.waker.wake();
        await this.clock.sleep(this.closeMs);
      },
    };
  }

  /** Looks at one record of each partition. */
  private lookingReader(): Partial<Reader> {
    let batches: Batch[] = [];
    return {
      assign: (partitions) => {
        batches = partitions.map(({ partition, offset }) =>
          batchOf(partition, [recordOf(offset, this.standing)], offset + 1, undefined),
        );
      },
      remove: () => undefined,
      poll: () => Promise.resolve(batches.splice(0)),
      close: () => Promise.resolve(),
    };
  }
}

const batchOf = (partition: number, records: KafkaRecord[], nextOffset: number, owner: object | undefined): Batch => ({
  ...{ topic, partition, records, nextOffset, highWatermark: 100, lastStableOffset: nextOffset, owner },
});

/** A cart of which nothing is known but its person, for tests of the sink and its views. */
export const cart = (id: string, fields: Partial<Cart> = {}): Cart => ({
  cart_id: id,
  person_id: 1,
  ...BLANK_SNAPSHOT,
  phone: null,
  email: null,
  moved_from: null,
  ...fields,
});
