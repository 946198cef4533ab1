import type { Logger } from 'pino';
import { UnknownSchemaError, type Codec } from '../../lib/avro/index.ts';
import type { Batch, Kafka, KafkaRecord, Member, Reader } from '../../lib/kafka/types.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import type { TopicName } from '../../lib/topics.ts';
import { Block, type Rows } from './block.ts';
import { Cursor, openingOf, valueOf, type Message, type SameCause } from './cursor.ts';
import type { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';
import type { BlockWriter } from './writer.ts';

/** What a topic's records become. */
export interface LaneContent<M> {
  topic: TopicName;
  /** The tables, in the order in which a block writes them. */
  tables: readonly string[];
  addRows(rows: Rows, message: M, offset: number): void;
  sameCause: SameCause<M>;
  logTimeMs(message: M): number;
}

export interface LaneSettings {
  /** Blocks begin at least so far apart, unless one is full. */
  blockIntervalMs: number;
  /** A block is full with so many records, but for the rest of a cause. */
  blockRecordsMax: number;
  /** And with so many bytes of rows. */
  blockBytesMax: number;
  /** Go on where records were deleted unread. */
  acceptLost: boolean;
}

export interface LaneOptions<M> {
  content: LaneContent<M>;
  kafka: Kafka;
  codec: Codec<M>;
  groupId: string;
  /** Base URL of the health server, said in the group. */
  url: string | null;
  ledger: Ledger;
  writer: BlockWriter;
  settings: LaneSettings;
  logger: Logger;
  metrics: SinkMetrics;
  /** Unix milliseconds. */
  clock: () => number;
}

const IDLE_POLL_MS = 500;
const BUSY_POLL_MS = 10;
const RETRY_PAUSE_MS = 1_000;
/** A partition that stands still is tried again so often: what it waited for may be there. */
const STOPPED_RETRY_MS = 30_000;
/** Markers behind the last record are noted after so much quiet, so that retention cannot make a gap of them. */
const MARKERS_AFTER_MS = 60_000;
const CHECKPOINT_BLOCKS = 1_000;
/** The rows of single blocks are not kept for ever: those of a quiet partition are summed up by age. */
const CHECKPOINT_AFTER_MS = 3_600_000;
const SCHEMA_ATTEMPTS = 10;
const STOP_WITHIN_MS = 5_000;
/** Counting a block's bytes walks its tables: not at every record. */
const BYTES_EVERY = 256;

/**
 * One topic on its way into ClickHouse: takes its share of the partitions from the group, reads each
 * from where the ledger ends, gathers rows into blocks while the block before is being written.
 */
export class Lane<M> {
  private readonly reader: Reader;
  private member: Member | undefined;
  private cursors = new Map<number, Cursor<M>>();
  private assigned: readonly number[] = [];
  /** Grows whenever what is ours may have changed: blocks of an older epoch are not wanted any more. */
  private epoch = 0;
  private openEpoch = 0;
  private block: Block;
  private submittedAtMs = 0;
  private inFlight: Promise<void> | null = null;
  private stopping = false;
  private running: Promise<void> | undefined;

  constructor(private readonly options: LaneOptions<M>) {
    this.reader = options.kafka.createReader({ isolation: 'read_committed' });
    this.block = new Block(options.content.tables);
  }

  start(): void {
    const { kafka, groupId, url, content } = this.options;
    const moved = (partitions: readonly number[]): void => {
      const same = partitions.length === this.assigned.length && partitions.every((p) => this.assigned.includes(p));
      if (same && this.epoch > 0) return;
      this.assigned = partitions;
      this.epoch += 1;
    };
    const without = (gone: number[]): void => moved(this.assigned.filter((partition) => !gone.includes(partition)));
    this.member = kafka.joinGroup({
      groupId,
      topic: content.topic,
      url,
      onAssigned: moved,
      onRevoked: without,
      onLost: without,
    });
    this.running = this.run();
  }

  /** Writes what is gathered if ClickHouse takes it at once, then leaves the group. */
  async stop(): Promise<void> {
    this.stopping = true;
    await this.running;
    await this.member?.leave();
    await this.reader.close();
  }

  positions(): StagePosition[] {
    if (this.epoch === this.openEpoch) {
      return [...this.cursors.values()].map((cursor) => cursor.stagePosition(this.options.content.topic));
    }
    return this.assigned.map((partition) => ({
      stage: 'sink',
      topic: this.options.content.topic,
      partition,
      position: this.cursors.get(partition)?.next ?? 0,
      end: this.cursors.get(partition)?.end ?? 0,
      logTimeMs: null,
      earliestDueMs: null,
      state: 'restoring',
    }));
  }

  /** Has joined the group, opened its partitions, and none stands still. */
  ready(): boolean {
    if (this.epoch === 0 || this.epoch !== this.openEpoch || !this.options.writer.healthy) return false;
    return [...this.cursors.values()].every((cursor) => cursor.stopped === null);
  }

  private async run(): Promise<void> {
    while (!this.stopping) {
      try {
        if (this.epoch !== this.openEpoch) await this.open(this.epoch);
        await this.step();
      } catch (error) {
        const { logger, content } = this.options;
        logger.error({ topic: content.topic, err: error }, 'reading failed; beginning again at the end of the ledger');
        await this.wait(RETRY_PAUSE_MS);
        this.epoch += 1;
      }
    }
    await this.finish();
  }

  /** Forgets what is gathered and begins every assigned partition where its ledger ends. */
  private async open(epoch: number): Promise<void> {
    const { content, metrics } = this.options;
    this.reader.assign([]);
    await this.inFlight;
    this.block = new Block(content.tables);
    const cursors = await this.openCursors([...this.assigned], epoch);
    if (cursors === null) return;
    for (const partition of this.cursors.keys()) metrics.lag.remove({ topic: content.topic, partition });
    this.cursors = cursors;
    this.openEpoch = epoch;
    this.reader.assign(
      [...cursors.values()]
        .filter((cursor) => cursor.stopped === null)
        .map((cursor) => ({ topic: content.topic, partition: cursor.partition, offset: cursor.next })),
    );
  }

  /** Tries one that stands still again; the others do not notice. */
  private async reopen({ partition }: Cursor<M>): Promise<void> {
    const { content, logger } = this.options;
    const { epoch } = this;
    try {
      const cursor = (await this.openCursors([partition], epoch))?.get(partition);
      if (cursor === undefined || epoch !== this.epoch) return;
      this.cursors.set(partition, cursor);
      if (cursor.stopped === null) this.reader.seek({ topic: content.topic, partition, offset: cursor.next });
    } catch (error) {
      logger.warn({ topic: content.topic, partition, err: error }, 'a stopped partition could not be tried again');
      const cursor = this.cursors.get(partition);
      if (cursor !== undefined) cursor.movedAtMs = this.options.clock();
    }
  }

  /** Cursors at the ends of their ledgers, those that cannot go on halted; null when not wanted any more. */
  private async openCursors(partitions: readonly number[], epoch: number): Promise<Map<number, Cursor<M>> | null> {
    const { kafka, content, ledger, writer, settings } = this.options;
    const cursors = new Map<number, Cursor<M>>();
    if (partitions.length === 0) return cursors;
    let states: Awaited<ReturnType<Ledger['read']>> = new Map();
    const read = await writer.insist(
      'ledger',
      () => this.wanted(epoch),
      async () => {
        states = await ledger.read(partitions);
      },
    );
    if (!read) return null;
    const [beginnings, ends] = await Promise.all([
      kafka.beginningOffsets(content.topic),
      kafka.endOffsets(content.topic),
    ]);
    for (const partition of partitions) {
      const end = ends[partition] ?? 0;
      const opening = openingOf(states.get(partition), beginnings[partition] ?? 0, end, settings.acceptLost);
      const state = 'state' in opening ? opening.state : (states.get(partition) ?? { first: 0, next: 0, blocks: 0 });
      const cursor = new Cursor<M>(partition, state, end, this.options.clock());
      cursors.set(partition, cursor);
      if ('problem' in opening) this.halt(cursor, opening.problem, null);
      else if (opening.lost || state.blocks > 0) await this.checkpoint(cursor, state.next);
    }
    return cursors;
  }

  private async step(): Promise<void> {
    const now = this.options.clock();
    const dueInMs = this.submittedAtMs + this.options.settings.blockIntervalMs - now;
    if (this.block.records > 0 && dueInMs <= 0 && this.inFlight === null) await this.submit();
    let waitMs = IDLE_POLL_MS;
    if (this.block.records > 0) waitMs = this.inFlight === null ? Math.max(1, dueInMs) : BUSY_POLL_MS;
    for (const batch of await this.reader.poll(waitMs)) await this.take(batch);
    await this.housekeep();
  }

  private async take(batch: Batch): Promise<void> {
    const { content } = this.options;
    const cursor = this.cursors.get(batch.partition);
    if (cursor === undefined || cursor.stopped !== null || batch.topic !== content.topic) return;
    cursor.end = batch.highWatermark;
    for (const record of batch.records) {
      if (record.offset < cursor.readTo) continue;
      let message: Message<M>;
      try {
        message = this.decode(record) ?? (await this.decodeUnknown(record));
        const last = cursor.held.at(-1);
        if (last !== undefined && !content.sameCause(last, message)) {
          this.release(cursor);
          if (this.full()) await this.submit();
        }
      } catch (error) {
        return this.halt(cursor, `offset ${cursor.held[0]?.offset ?? record.offset} cannot be used`, error);
      }
      if (this.epoch !== this.openEpoch) return;
      cursor.held.push(message);
      cursor.readTo = record.offset + 1;
    }
    cursor.readTo = Math.max(cursor.readTo, batch.nextOffset);
    // Below the last stable offset there is more: the last cause may not be whole yet.
    if (batch.nextOffset < batch.lastStableOffset) return;
    try {
      this.release(cursor);
    } catch (error) {
      return this.halt(cursor, `offset ${cursor.held[0]?.offset ?? cursor.readTo} cannot be used`, error);
    }
    if (this.full()) await this.submit();
  }

  /** Undefined when the writer's schema has to be fetched first. */
  private decode(record: KafkaRecord): Message<M> | undefined {
    const value = valueOf(record);
    try {
      return { offset: record.offset, value, body: this.options.codec.decode(value) };
    } catch (error) {
      if (error instanceof UnknownSchemaError) return undefined;
      throw error;
    }
  }

  private async decodeUnknown(record: KafkaRecord): Promise<Message<M>> {
    const value = valueOf(record);
    for (let attempt = 1; ; attempt++) {
      try {
        await this.options.codec.load([value]);
        return { offset: record.offset, value, body: this.options.codec.decode(value) };
      } catch (error) {
        if (attempt === SCHEMA_ATTEMPTS || this.stopping) throw error;
        await this.wait(RETRY_PAUSE_MS);
      }
    }
  }

  /** Puts what is held into the block. */
  private release(cursor: Cursor<M>): void {
    const { content } = this.options;
    for (let message = cursor.held[0]; message !== undefined; message = cursor.held[0]) {
      content.addRows(this.block, message.body, message.offset);
      this.block.count(cursor.partition, message.offset, message.value, content.logTimeMs(message.body));
      cursor.gathered += 1;
      cursor.held.shift();
    }
  }

  private full(): boolean {
    const { blockRecordsMax, blockBytesMax } = this.options.settings;
    const { records } = this.block;
    return (
      records >= blockRecordsMax || (records % BYTES_EVERY === 0 && records > 0 && this.block.bytes >= blockBytesMax)
    );
  }

  /** Hands the block over, when the one before is done. */
  private async submit(): Promise<void> {
    await this.inFlight;
    const { block, openEpoch: epoch } = this;
    if (epoch !== this.epoch) return;
    for (const [partition] of block.ranges) {
      const cursor = this.cursors.get(partition);
      if (cursor === undefined) continue;
      block.cover(partition, cursor.submittedTo, cursor.releasedTo);
      cursor.submittedTo = cursor.releasedTo;
      cursor.gathered = 0;
    }
    this.block = new Block(this.options.content.tables);
    this.submittedAtMs = this.options.clock();
    this.inFlight = this.write(block, epoch).finally(() => (this.inFlight = null));
  }

  private async write(block: Block, epoch: number): Promise<void> {
    const deadline = (): boolean => !this.stopping || this.options.clock() < this.submittedAtMs + STOP_WITHIN_MS;
    const done = await this.options.writer.write(block, () => epoch === this.epoch && deadline());
    if (!done || epoch !== this.openEpoch) return;
    for (const [partition, range] of block.ranges) {
      const cursor = this.cursors.get(partition);
      if (cursor === undefined) continue;
      cursor.next = range.last + 1;
      cursor.logTimeMs = range.logTimeMs;
      cursor.movedAtMs = this.options.clock();
      cursor.blocks += 1;
      if (cursor.blocksSinceCheckpoint >= CHECKPOINT_BLOCKS) await this.checkpoint(cursor, cursor.next);
    }
  }

  /** Not worth insisting on: the next one says the same. */
  private async checkpoint(cursor: Cursor<M>, next: number): Promise<void> {
    const { blocks } = cursor;
    cursor.checkpointAtMs = this.options.clock();
    try {
      await this.options.ledger.checkpoint(cursor.partition, cursor.chainFirst, next);
      // Not those that were written meanwhile.
      cursor.blocksInCheckpoint = blocks;
      if (!cursor.pending) cursor.next = cursor.submittedTo = Math.max(cursor.next, next);
    } catch {
      this.options.logger.warn({ partition: cursor.partition }, 'no checkpoint could be written');
    }
  }

  private async housekeep(): Promise<void> {
    const { metrics, content, clock } = this.options;
    const now = clock();
    let stopped = 0;
    for (const cursor of this.cursors.values()) {
      metrics.lag.set({ topic: content.topic, partition: cursor.partition }, Math.max(0, cursor.end - cursor.position));
      if (cursor.stopped !== null) {
        stopped += 1;
        // Not while a block holds records of it: they would be gathered twice.
        if (!cursor.pending && now - cursor.movedAtMs > STOPPED_RETRY_MS) await this.reopen(cursor);
      } else if (!cursor.pending && cursor.readTo > cursor.next && now - cursor.movedAtMs > MARKERS_AFTER_MS) {
        cursor.movedAtMs = now;
        await this.checkpoint(cursor, cursor.readTo);
      } else if (cursor.blocksSinceCheckpoint > 0 && now - cursor.checkpointAtMs > CHECKPOINT_AFTER_MS) {
        await this.checkpoint(cursor, cursor.next);
      }
    }
    metrics.stopped.set({ topic: content.topic }, stopped);
  }

  private halt(cursor: Cursor<M>, problem: string, error: unknown): void {
    const { logger, content, clock } = this.options;
    cursor.stopped = problem;
    cursor.movedAtMs = clock();
    cursor.readTo = cursor.releasedTo;
    cursor.held = [];
    this.reader.remove(content.topic, cursor.partition);
    const reason = error instanceof Error ? error.name : undefined;
    logger.error(
      { topic: content.topic, partition: cursor.partition, problem, reason },
      'partition stopped: nothing is skipped',
    );
  }

  private async finish(): Promise<void> {
    if (this.block.records > 0) await this.submit();
    await this.inFlight;
    for (const cursor of this.cursors.values()) {
      // Nobody knows for how long: the rows of single blocks may be gone by the next start.
      const worthIt = cursor.blocksSinceCheckpoint > 0 || cursor.readTo > cursor.next;
      if (this.options.writer.healthy && !cursor.pending && worthIt) await this.checkpoint(cursor, cursor.readTo);
    }
  }

  private wanted(epoch: number): boolean {
    return epoch === this.epoch && !this.stopping;
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }
}
