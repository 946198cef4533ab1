import { markOf } from '../../lib/kafka/continuity.ts';
import { OffsetOutOfRangeError, UnreadablePartitionError } from '../../lib/kafka/errors.ts';
import type { Batch, Member, Reader } from '../../lib/kafka/types.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import { Block } from './block.ts';
import { Cursor, type Message } from './cursor.ts';
import type { TopicConsumerOptions } from './topic-consumer-options.ts';
import { openPartitions } from './opening.ts';
import { decode, decodeUnknown } from './reading.ts';

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
/** How long stopping waits for ClickHouse, and how much longer for whatever else is under way. */
const STOP_WITHIN_MS = 5_000;
const STOP_GRACE_MS = 1_000;

/**
 * One topic on its way into ClickHouse: takes its share of the partitions from the group, reads each
 * from where the ledger ends, gathers rows into blocks while the block before is being written.
 */
export class TopicConsumer<M> {
  private readonly reader: Reader;
  private member: Member | undefined;
  private cursors = new Map<number, Cursor<M>>();
  private assigned: readonly number[] = [];
  /** Grows whenever what is ours may have changed: blocks of an older epoch are not wanted any more. */
  private epoch = 0;
  private openEpoch = 0;
  /** Aborted when the epoch ends: what is tried for it is tried no more. */
  private epochEnds = new AbortController();
  private block: Block;
  private submittedAtMs = -Infinity;
  private inFlight: Promise<void> | null = null;
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(private readonly options: TopicConsumerOptions<M>) {
    this.reader = options.kafka.createReader({ isolation: 'read_committed' });
    this.block = new Block(options.content.tables);
  }

  start(): void {
    const { kafka, groupId, url, content } = this.options;
    const moved = (partitions: readonly number[]): void => {
      const same = partitions.length === this.assigned.length && partitions.every((p) => this.assigned.includes(p));
      if (same && this.epoch > 0) return;
      this.assigned = partitions;
      this.turn();
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
    this.stopping.abort();
    if (this.epoch !== this.openEpoch) this.epochEnds.abort();
    const { clock } = this.options;
    const stopped = new AbortController();
    const patience = clock.sleep(STOP_WITHIN_MS, stopped.signal).then(() => {
      this.giveUp();
      return clock.sleep(STOP_GRACE_MS, stopped.signal);
    });
    await this.reader.close();
    // A request to Kafka that outlasts this ends by itself; its result is not used.
    await Promise.race([this.running, patience]);
    stopped.abort();
    this.giveUp();
    await this.member?.leave();
  }

  private giveUp(): void {
    this.epochEnds.abort();
    this.options.givingUp.abort();
  }

  private turn(): void {
    this.epoch += 1;
    this.epochEnds.abort();
    this.epochEnds = new AbortController();
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

  /**
   * Has joined the group and opened its partitions, and ClickHouse takes rows. A partition that stands still is no reason
   * to wait: it needs somebody, and says so elsewhere.
   */
  ready(): boolean {
    return this.epoch > 0 && this.epoch === this.openEpoch && this.options.writer.healthy;
  }

  private get isStopping(): boolean {
    return this.stopping.signal.aborted;
  }

  private async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        if (this.epoch !== this.openEpoch) await this.open(this.epoch);
        await this.step();
      } catch (error) {
        const { logger, content } = this.options;
        if (this.isStopping) break;
        logger.error({ topic: content.topic, err: error }, 'reading failed; beginning again at the end of the ledger');
        await this.options.clock.sleep(RETRY_PAUSE_MS, this.stopping.signal);
        this.turn();
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
    const cursors = await this.openCursors([...this.assigned]);
    if (cursors === null || epoch !== this.epoch) return;
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
      const cursor = (await this.openCursors([partition]))?.get(partition);
      if (cursor === undefined || epoch !== this.epoch) return;
      this.cursors.set(partition, cursor);
      if (cursor.stopped === null) this.reader.seek({ topic: content.topic, partition, offset: cursor.next });
    } catch (error) {
      logger.warn({ topic: content.topic, partition, err: error }, 'a stopped partition could not be tried again');
      const cursor = this.cursors.get(partition);
      if (cursor !== undefined) cursor.retryAtMs = this.options.clock.elapsedMs() + STOPPED_RETRY_MS;
    }
  }

  /** Cursors at the ends of their ledgers, those that cannot go on halted; null when not wanted any more. */
  private async openCursors(partitions: readonly number[]): Promise<Map<number, Cursor<M>> | null> {
    const opened = await openPartitions(this.options, partitions, this.epochEnds.signal);
    if (opened === null) return null;
    const cursors = new Map<number, Cursor<M>>();
    for (const { partition, state, end, problem, lost } of opened) {
      const cursor = new Cursor<M>(partition, state, end, this.options.clock.elapsedMs());
      cursors.set(partition, cursor);
      if (problem !== null) this.halt(cursor, problem, null);
      else if (lost || state.blocks > 0) await this.checkpoint(cursor, state.next);
    }
    return cursors;
  }

  private async step(): Promise<void> {
    const dueInMs = this.submittedAtMs + this.options.settings.blockIntervalMs - this.options.clock.elapsedMs();
    if (this.block.records > 0 && dueInMs <= 0 && this.inFlight === null) await this.submit();
    let waitMs = IDLE_POLL_MS;
    if (this.block.records > 0) {
      waitMs = this.inFlight === null ? Math.min(IDLE_POLL_MS, Math.max(1, dueInMs)) : BUSY_POLL_MS;
    }
    for (const batch of await this.poll(waitMs)) await this.take(batch);
    await this.housekeep();
  }

  /** What came of those that can be read. */
  private async poll(waitMs: number): Promise<Batch[]> {
    try {
      return await this.reader.poll(waitMs);
    } catch (error) {
      if (!(error instanceof UnreadablePartitionError)) throw error;
      const cursor = this.cursors.get(error.partition);
      if (cursor === undefined) this.reader.remove(error.topic, error.partition);
      // Retention may have taken it, or the log have lost its end: opening it again tells.
      else this.halt(cursor, error.message, error, error instanceof OffsetOutOfRangeError ? RETRY_PAUSE_MS : undefined);
      return [];
    }
  }

  private async take(batch: Batch): Promise<void> {
    const { content, codec, clock } = this.options;
    const cursor = this.cursors.get(batch.partition);
    if (cursor === undefined || cursor.stopped !== null || batch.topic !== content.topic) return;
    cursor.end = batch.highWatermark;
    for (const record of batch.records) {
      if (record.offset < cursor.readTo) continue;
      let message: Message<M>;
      try {
        message = decode(codec, record) ?? (await decodeUnknown(codec, record, clock, this.stopping.signal));
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

  /** Puts what is held into the block. */
  private release(cursor: Cursor<M>): void {
    const { content } = this.options;
    for (let message = cursor.held[0]; message !== undefined; message = cursor.held[0]) {
      content.addRows(this.block, message.body, message.offset);
      this.block.count(cursor.partition, message, content.logTimeMs(message.body));
      cursor.gathered += 1;
      cursor.held.shift();
    }
  }

  private full(): boolean {
    const { blockRecordsMax, blockBytesMax } = this.options.settings;
    return this.block.records >= blockRecordsMax || (this.block.records > 0 && this.block.bytes >= blockBytesMax);
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
    this.submittedAtMs = this.options.clock.elapsedMs();
    this.inFlight = this.write(block, epoch).finally(() => (this.inFlight = null));
  }

  private async write(block: Block, epoch: number): Promise<void> {
    const done = await this.options.writer.write(block, this.epochEnds.signal);
    if (!done || epoch !== this.openEpoch) return;
    for (const [partition, range] of block.ranges) {
      const cursor = this.cursors.get(partition);
      if (cursor === undefined) continue;
      cursor.next = range.last + 1;
      cursor.logTimeMs = range.logTimeMs;
      if (range.record !== null) cursor.mark = markOf(range.record);
      cursor.movedAtMs = this.options.clock.elapsedMs();
      cursor.blocks += 1;
      if (cursor.blocksSinceCheckpoint >= CHECKPOINT_BLOCKS) await this.checkpoint(cursor, cursor.next);
    }
  }

  /** Not worth insisting on: the next one says the same. */
  private async checkpoint(cursor: Cursor<M>, next: number): Promise<void> {
    const { blocks } = cursor;
    cursor.checkpointAtMs = this.options.clock.elapsedMs();
    try {
      await this.options.ledger.checkpoint(cursor.partition, { first: cursor.chainFirst, next, mark: cursor.mark });
      // Not those that were written meanwhile.
      cursor.blocksInCheckpoint = blocks;
      if (!cursor.pending) cursor.next = cursor.submittedTo = Math.max(cursor.next, next);
    } catch {
      this.options.logger.warn({ partition: cursor.partition }, 'no checkpoint could be written');
    }
  }

  private async housekeep(): Promise<void> {
    const { metrics, content, clock } = this.options;
    const now = clock.elapsedMs();
    let stopped = 0;
    for (const cursor of this.cursors.values()) {
      metrics.lag.set({ topic: content.topic, partition: cursor.partition }, Math.max(0, cursor.end - cursor.position));
      if (cursor.stopped !== null) {
        stopped += 1;
        // Not while a block holds records of it: they would be gathered twice.
        if (!cursor.pending && now > cursor.retryAtMs) await this.reopen(cursor);
      } else if (!cursor.pending && cursor.readTo > cursor.next && now - cursor.movedAtMs > MARKERS_AFTER_MS) {
        cursor.movedAtMs = now;
        await this.checkpoint(cursor, cursor.readTo);
      } else if (cursor.blocksSinceCheckpoint > 0 && now - cursor.checkpointAtMs > CHECKPOINT_AFTER_MS) {
        await this.checkpoint(cursor, cursor.next);
      }
    }
    metrics.stopped.set({ topic: content.topic }, stopped);
  }

  private halt(cursor: Cursor<M>, problem: string, error: unknown, retryMs = STOPPED_RETRY_MS): void {
    const { logger, content, clock } = this.options;
    cursor.stopped = problem;
    cursor.retryAtMs = clock.elapsedMs() + retryMs;
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
}
