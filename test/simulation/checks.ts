import type { SimulatedBroker } from '../../lib/kafka/testing/broker.ts';
import type { SimulatedLog } from '../../lib/kafka/testing/log.ts';
import type { TransactionEnd } from '../../lib/kafka/testing/transactions.ts';
import { partitionFor } from '../../lib/kafka/murmur2.ts';
import type { KafkaRecord } from '../../lib/kafka/types.ts';
import { decodeChange } from '../../lib/streams/changelog.ts';
import { decodeCheckpoint, type Position } from '../../lib/streams/position.ts';
import { TaskCore, type Change, type Effects, type OutputRecord } from '../../lib/streams/task-core.ts';
import { changelogOf } from '../../lib/topics.ts';
import type { LedgerSpan } from '../../services/sink/database.ts';
import type { SimulatedClickHouse } from './clickhouse.ts';
import { TABLES, rowOf, type StoredRow } from './sink-content.ts';
import { INPUT, OUTPUT, TOPOLOGY_NAME, fromBytes, simulatedTopology, type SimulatedOutcome } from './topology.ts';

/** The product does something that it must never do. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

function require(holds: boolean, what: () => string): void {
  if (!holds) throw new InvariantError(what());
}

const UNLIMITED = { effects: Infinity, bytes: Infinity };

/** The fold of one input partition up to what is committed. */
interface Fold {
  core: TaskCore<ReturnType<typeof simulatedTopology.input.decode>>;
  committedTo: number;
  /** The offset of the record that is folded in part; null for none. */
  begun: number | null;
  /** State by the changelog's committed entries. */
  changelog: Map<string, Buffer>;
  /** How far the logs of outputs and changelog have been looked through. */
  seenTo: Map<SimulatedLog, number>;
}

/**
 * Holds every committed transaction of the topology against a fold of the log: its outputs, its state and its clock
 * are exactly those of the records between the committed offset before and the one after. So nothing is emitted twice,
 * no offset is skipped, and the state equals the fold, at every commit.
 */
export class StreamsCheck {
  private readonly folds: Fold[];
  commits = 0;
  commitsWithinRecords = 0;

  constructor(private readonly broker: SimulatedBroker) {
    this.folds = broker.logs(INPUT).map(() => ({
      core: new TaskCore(simulatedTopology),
      committedTo: 0,
      begun: null,
      changelog: new Map(),
      seenTo: new Map(),
    }));
  }

  transactionEnded({ transactionalId, producerId, isCommitted, offsets }: TransactionEnd): void {
    if (!isCommitted || !transactionalId.startsWith(`${TOPOLOGY_NAME}-`)) return;
    this.commits++;
    require(offsets.length === 1, () => `${transactionalId} commits ${offsets.length} offsets`);
    const { partition, offset, metadata } = offsets[0]!;
    const fold = this.folds[partition]!;
    const where = `${transactionalId}, offsets ${fold.committedTo} to ${offset}`;
    require(offset >= fold.committedTo, () => `${where}: the committed offset goes back`);
    const { position, logTimeMs, isFolded } = decodeCheckpoint(offset, metadata);
    const { outputs, changes } = this.advance(fold, partition, position);
    const { core } = fold;
    const isSame =
      core.position.offset === offset && core.position.step === position.step && core.isFolded === isFolded;
    require(isSame && logTimeMs === core.logTimeMs, () => `${where}: the checkpoint is ${metadata}`);
    if (position.step > 0) this.commitsWithinRecords++;
    this.compareOutputs(where, fold, producerId, outputs);
    this.compareState(where, fold, partition, producerId, changes);
  }

  /** What the records, and the steps of a record, up to a committed position give. */
  private advance(fold: Fold, partition: number, { offset, step }: Position): Effects {
    const { core } = fold;
    const input = this.broker.log(INPUT, partition);
    const { records } = input.read(fold.committedTo, 'read_committed', Infinity);
    for (const record of records) {
      if (record.offset > offset || (record.offset === offset && step === 0)) break;
      if (fold.begun !== record.offset) beginRecord(core, record, partition);
      const isTimeUp = (): boolean => record.offset === offset && core.position.step >= step;
      fold.begun = core.advance({ ...UNLIMITED, isTimeUp }) ? null : record.offset;
    }
    core.skipTo(offset);
    fold.committedTo = offset;
    return core.takeEffects();
  }

  private newRecords(fold: Fold, log: SimulatedLog, producerId: number): KafkaRecord[] {
    const records = log.committedBy(producerId, fold.seenTo.get(log) ?? 0);
    fold.seenTo.set(log, log.highWatermark);
    return records;
  }

  private compareOutputs(where: string, fold: Fold, producerId: number, expected: readonly OutputRecord[]): void {
    const logs = this.broker.logs(OUTPUT);
    for (const log of logs) {
      const found = this.newRecords(fold, log, producerId).map(({ value }) => String(value));
      const due = expected
        .filter(({ key }) => partitionFor(key, logs.length) === log.partition)
        .map(({ value }) => String(value));
      require(found.join('\n') === due.join('\n'), () =>
        `${where}: ${OUTPUT}[${log.partition}] holds\n${found.join('\n')}\nand not\n${due.join('\n')}`);
    }
  }

  private compareState(
    where: string,
    fold: Fold,
    partition: number,
    producerId: number,
    expected: Map<string, Change>,
  ): void {
    const log = this.broker.log(changelogOf(TOPOLOGY_NAME), partition);
    const touched = new Set(expected.keys());
    for (const record of this.newRecords(fold, log, producerId)) {
      const { key, value } = decodeChange(record);
      touched.add(key);
      if (value === null) fold.changelog.delete(key);
      else fold.changelog.set(key, value);
    }
    const state = new Map(fold.core.state());
    for (const key of touched) {
      const [found, due] = [fold.changelog.get(key), state.get(key)];
      require(found?.toString() === due?.toString(), () =>
        `${where}: the changelog says ${key} is ${String(found)}, and the fold ${String(due)}`);
    }
  }

  /** Everything is handled: no record is left, and no deadline that has passed. */
  isDone(nowMs: number): boolean {
    return this.folds.every(({ core, committedTo }, partition) => {
      const { records } = this.broker.log(INPUT, partition).read(committedTo, 'read_committed', Infinity);
      return records.length === 0 && (core.earliestDueMs ?? Infinity) >= nowMs;
    });
  }

  /** The whole of the state, and of the outputs, at the end. */
  finish(): void {
    this.folds.forEach(({ core, changelog, committedTo }, partition) => {
      const whole = new TaskCore(simulatedTopology);
      for (const record of this.broker.log(INPUT, partition).read(0, 'read_committed', Infinity).records) {
        if (record.offset < committedTo) foldRecord(whole, record, partition);
      }
      const text = (state: Iterable<[string, Buffer]>): string =>
        [...state]
          .map(([key, value]) => `${key} ${String(value)}`)
          .sort()
          .join('\n');
      require(text(whole.state()) === text(core.state()), () => `partition ${partition}: the folds differ`);
      require(text(whole.state()) === text(changelog), () => `partition ${partition}: the changelog is another state`);
    });
  }
}

function beginRecord(core: Fold['core'], record: KafkaRecord, partition: number): void {
  const value = simulatedTopology.input.decode(record.value!);
  core.begin({ key: String(record.key), value, offset: record.offset, partition }, record.timestampMs);
}

function foldRecord(core: Fold['core'], record: KafkaRecord, partition: number): void {
  beginRecord(core, record, partition);
  core.advance(UNLIMITED);
}

/**
 * A process whose task was fenced opens it again only in a newer generation; and nobody fences a partition's producers
 * who does not own the partition.
 */
export class FenceCheck {
  /** By process and transactional id: the generation in which it was fenced. */
  private readonly fencedIn = new Map<string, number>();
  fences = 0;

  fenced(process: string, transactionalId: string, generation: number): void {
    this.fences++;
    this.fencedIn.set(`${process} ${transactionalId}`, generation);
  }

  initialised(process: string, transactionalId: string, generation: number): void {
    const fencedIn = this.fencedIn.get(`${process} ${transactionalId}`) ?? -1;
    require(generation > fencedIn, () =>
      `${process} opens ${transactionalId} in generation ${generation} again, in which it was fenced`);
  }

  /** @param owner the member that owns the partition when the request is sent */
  sendsInit(process: string, transactionalId: string, memberId: string, owner: string | null): void {
    require(memberId === owner, () => `${process} fences ${transactionalId}, which ${String(owner)} owns`);
  }
}

/** One past the unbroken chain of spans from the first one on. */
function endOfChain(spans: readonly LedgerSpan[]): number {
  const sorted = [...spans].sort((a, b) => a.first - b.first);
  return sorted.reduce((end, { first, last }) => (first > end ? end : Math.max(end, last + 1)), sorted[0]?.first ?? 0);
}

/**
 * Holds the tables of ClickHouse against the log of outputs: every row is of a committed record, equal keys have equal
 * rows, and up to the end of the ledger's chain no record is missing from any table.
 */
export class SinkCheck {
  /** By partition: up to here all rows were found. */
  private verifiedTo: number[];

  constructor(
    private readonly broker: SimulatedBroker,
    private readonly clickHouse: SimulatedClickHouse,
  ) {
    this.verifiedTo = broker.logs(OUTPUT).map(() => 0);
  }

  inserted(table: string, row: StoredRow): void {
    const record = this.broker.log(OUTPUT, row.partition).committedAt(row.outputOffset);
    require(record !== undefined && String(record.value) === row.outcome, () =>
      `${table}: a row of ${OUTPUT}[${row.partition}], offset ${row.outputOffset}, which is not committed`);
  }

  ledgerChanged(): void {
    for (const log of this.broker.logs(OUTPUT)) this.verify(log);
  }

  private verify(log: SimulatedLog): void {
    const { partition } = log;
    const end = this.endOf(partition);
    require(end <= log.lastStableOffset, () =>
      `the ledger of partition ${partition} ends at ${end}, past what is stable`);
    for (let offset = this.verifiedTo[partition]!; offset < end; offset++) {
      const record = log.committedAt(offset);
      if (record === undefined) continue;
      const { id } = rowOf(fromBytes<SimulatedOutcome>(record.value!), partition, offset);
      for (const table of TABLES) {
        require(this.clickHouse.table(table).has(id), () =>
          `the ledger of partition ${partition} ends at ${end}, and ${table} lacks offset ${offset}`);
      }
    }
    this.verifiedTo[partition] = Math.max(end, this.verifiedTo[partition]!);
  }

  /** ClickHouse has lost something: what was there may not be. */
  forget(): void {
    this.verifiedTo = this.verifiedTo.map(() => 0);
  }

  /** Where the ledger's chain ends. */
  endOf(partition: number): number {
    return endOfChain(this.clickHouse.read(OUTPUT, [partition]));
  }

  /** Every committed record is in the ledger, and so in the tables. */
  isDone(): boolean {
    return this.broker.logs(OUTPUT).every((log) => {
      const left = log.read(this.endOf(log.partition), 'read_committed', 1);
      return left.records.length === 0;
    });
  }

  finish(): void {
    this.forget();
    this.ledgerChanged();
    const records = this.broker.logs(OUTPUT).flatMap((log) => log.read(0, 'read_committed', Infinity).records);
    for (const table of TABLES) {
      const { size } = this.clickHouse.table(table);
      require(size === records.length, () => `${table} has ${size} rows of ${records.length} records`);
    }
  }
}
