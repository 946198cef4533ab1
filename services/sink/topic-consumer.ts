import { NoAnswerError, Waker, within } from '../../lib/clock/index.ts';
import { messageOf, OffsetOutOfRangeError, UnreadablePartitionError } from '../../lib/kafka/errors.ts';
import type { Batch, Member, Reader } from '../../lib/kafka/types.ts';
import type { Moved, StagePosition } from '../../lib/telemetry/index.ts';
import type { Block } from './block.ts';
import { BlockPipeline } from './block-pipeline.ts';
import { Checkpoints } from './checkpoints.ts';
import { Assignment, assignmentOf, transition, type ConsumerState } from './consumer-state.ts';
import { Cursor } from './cursor.ts';
import { Gathering, UnusableOffsetError } from './gathering.ts';
import { openPartitions, type Opened } from './open-partitions.ts';
import { BlockPacing } from './pacing.ts';
import type { TopicConsumerOptions } from './topic-consumer-options.ts';

const POLL_MS = 500;
/** Between two blocks of the tables that are counted: after a slow insert, the records that came meanwhile have waited. */
const PAUSE_MAX_MS = 25;
const RETRY_PAUSE_MS = 1_000;
/** A stopped partition is retried: what it needs may be there by then. */
const STOPPED_RETRY_MS = 30_000;
/** How long stopping waits for ClickHouse, and then for everything else that is still open. */
const STOP_WITHIN_MS = 5_000;
const STOP_GRACE_MS = 1_000;

/** What exists while partitions are open, made for each opening. */
interface OpenWork<M> {
  readonly assignment: Assignment;
  readonly gathering: Gathering<M>;
  readonly pipeline: BlockPipeline;
}

/**
 * Brings one topic into ClickHouse: takes its share of the partitions from the consumer group, reads each from the end
 * of its ledger, and gathers rows into a block while the block before is being written.
 */
export class TopicConsumer<M> {
  private state: ConsumerState = { name: 'idle' };
  private readonly reader: Reader;
  private member: Member | undefined;
  private cursors = new Map<number, Cursor<M>>();
  private work: OpenWork<M> | null = null;
  /** The open poll: it outlasts the waits of single steps. */
  private polling: Promise<Batch[]> | null = null;
  private readonly pacing: BlockPacing;
  private readonly checkpoints: Checkpoints;
  private readonly waker: Waker;
  private readonly closing = new AbortController();
  private running: Promise<void> | undefined;
  private moved: Moved = () => undefined;

  constructor(private readonly options: TopicConsumerOptions<M>) {
    const { kafka, settings, clock, ledger, logger, content } = options;
    this.reader = kafka.createReader({ isolation: 'read_committed' });
    const intervalMs = Math.max(settings.blockIntervalMs, content.intervalMs ?? 0);
    this.pacing = new BlockPacing({ intervalMs, pauseMaxMs: PAUSE_MAX_MS });
    this.checkpoints = new Checkpoints({ ledger, topic: content.topic, clock, logger });
    this.waker = new Waker(clock);
  }

  start(): void {
    const { kafka, groupId, url, content } = this.options;
    const without = (gone: number[]): void => {
      const held = assignmentOf(this.state)?.partitions ?? [];
      this.assign(held.filter((partition) => !gone.includes(partition)));
    };
    this.member = kafka.joinGroup({
      groupId,
      topic: content.topic,
      url,
      onAssigned: (partitions) => this.assign(partitions),
      onRevoked: without,
      onLost: without,
    });
    this.running = this.run();
  }

  /** Writes what is gathered if ClickHouse accepts it within some seconds, then leaves the group. */
  async stop(): Promise<void> {
    const { topic } = this.options.content;
    const isOpen = this.state.name === 'open';
    // The loop may fail before anybody waits for it; `finished` reports that.
    this.running?.catch(() => undefined);
    this.become({ name: 'closing', assignment: isOpen ? assignmentOf(this.state) : null });
    this.closing.abort();
    this.waker.wake();
    await this.reader.close();
    try {
      await this.finished();
    } catch (error) {
      // A request to Kafka that outlasts this ends by itself; its result is not used.
      this.options.logger.warn({ topic, err: error }, 'stopping before everything that was read is in ClickHouse');
    }
    this.giveUp();
    await this.member?.leave();
    this.become({ name: 'stopped' });
  }

  /** One entry for each assigned partition. */
  positions(): StagePosition[] {
    const { topic } = this.options.content;
    if (this.state.name === 'stopped') return [];
    if (this.state.name !== 'opening') return [...this.cursors.values()].map((cursor) => cursor.stagePosition(topic));
    return this.state.assignment.partitions.map((partition) =>
      (this.cursors.get(partition) ?? new Cursor<M>(partition)).stagePosition(topic),
    );
  }

  /** From now on, calls `moved` whenever a position has moved. */
  onMoved(moved: Moved): void {
    this.moved = moved;
  }

  /**
   * The partitions are open and ClickHouse accepts inserts. A stopped partition does not count: it needs an operator,
   * and is reported elsewhere.
   */
  ready(): boolean {
    return this.state.name === 'open' && this.options.writer.healthy;
  }

  private become(state: ConsumerState): void {
    this.state = transition(this.options.content.topic, this.state, state);
  }

  /** Called by the group at any time; the loop opens the partitions in its next step. */
  private assign(partitions: readonly number[]): void {
    const before = assignmentOf(this.state);
    if (before?.isSameAs(partitions) === true) return;
    if (this.state.name === 'closing' || this.state.name === 'stopped') before?.end();
    else this.become({ name: 'opening', assignment: new Assignment(partitions) });
    this.waker.wake();
  }

  /** Resolves when the loop has ended; throws NoAnswerError when that takes too long even without ClickHouse. */
  private async finished(): Promise<void> {
    const { clock } = this.options;
    const running = this.running ?? Promise.resolve();
    try {
      await within(running, STOP_WITHIN_MS, clock);
    } catch (error) {
      if (!(error instanceof NoAnswerError)) throw error;
      this.giveUp();
      await within(running, STOP_GRACE_MS, clock);
    }
  }

  private giveUp(): void {
    assignmentOf(this.state)?.end();
    this.options.givingUp.abort();
  }

  private async run(): Promise<void> {
    while (!this.closing.signal.aborted) {
      try {
        await this.step();
      } catch (error) {
        await this.recover(error);
      }
    }
    await this.finish();
  }

  private async step(): Promise<void> {
    if (this.state.name === 'opening') await this.open(this.state.assignment);
    else if (this.state.name === 'open' && this.work !== null) await this.read(this.work);
    else await this.waker.sleep(POLL_MS);
  }

  /** Everything that is not durable is forgotten, and reading begins again at the end of the ledger. */
  private async recover(error: unknown): Promise<void> {
    if (this.closing.signal.aborted) return;
    const { logger, content, clock } = this.options;
    logger.error({ topic: content.topic, err: error }, 'reading failed; restarting at the end of the ledger');
    const partitions = assignmentOf(this.state)?.partitions ?? [];
    this.become({ name: 'opening', assignment: new Assignment(partitions) });
    await clock.sleep(RETRY_PAUSE_MS, this.closing.signal);
  }

  /** Begins every assigned partition at the end of its ledger. */
  private async open(assignment: Assignment): Promise<void> {
    const { content, metrics } = this.options;
    this.reader.assign([]);
    await this.work?.pipeline.drained();
    this.work = null;
    for (const partition of this.cursors.keys()) metrics.lag.remove({ topic: content.topic, partition });
    this.cursors = this.cursorsFor(assignment.partitions);
    const opened = await openPartitions(this.options, assignment.partitions, assignment.signal);
    if (opened === null || assignment.hasEnded) return;
    await this.settle(opened);
    if (assignment.hasEnded) return;
    this.work = this.workFor(assignment);
    this.become({ name: 'open', assignment });
    const readable = [...this.cursors.values()].filter((cursor) => cursor.state.name === 'reading');
    this.reader.assign(readable.map((cursor) => this.readFrom(cursor)));
  }

  /** In state "opening"; those that stay keep the position that is known of them. */
  private cursorsFor(partitions: readonly number[]): Map<number, Cursor<M>> {
    return new Map(
      partitions.map((partition) => {
        const cursor = this.cursors.get(partition) ?? new Cursor<M>(partition);
        if (cursor.state.name !== 'opening') cursor.reopen();
        return [partition, cursor];
      }),
    );
  }

  private workFor(assignment: Assignment): OpenWork<M> {
    const { content, codec, settings, clock, logger, writer } = this.options;
    const pipeline = new BlockPipeline({
      writer,
      wanted: assignment.signal,
      clock,
      ledgerIntervalMs: settings.ledgerIntervalMs,
      onInserted: () => this.pacing.inserted(clock.elapsedMs()),
      onComplete: (block) => this.complete(block),
      onFree: () => this.waker.wake(),
    });
    const gathering: Gathering<M> = new Gathering({
      content,
      codec,
      settings,
      clock,
      logger,
      unwanted: AbortSignal.any([assignment.signal, this.closing.signal]),
      flush: () => this.flush({ assignment, gathering, pipeline }),
    });
    return { assignment, gathering, pipeline };
  }

  /** Moves the cursors of partitions that were compared with their logs. */
  private async settle(opened: readonly Opened[]): Promise<void> {
    const { clock } = this.options;
    const due: Cursor<M>[] = [];
    for (const { partition, state, end, problem, lost } of opened) {
      const cursor = this.cursors.get(partition);
      if (cursor === undefined) continue;
      if (problem === null) {
        cursor.open(state, end, clock.elapsedMs());
        this.announce(cursor);
      } else {
        cursor.refuse(state, end, problem, clock.elapsedMs() + STOPPED_RETRY_MS);
        this.reportStopped(cursor, problem, undefined);
      }
      if (problem === null && (lost || state.blocks > 0)) due.push(cursor);
    }
    await this.checkpoints.write(due);
  }

  private readFrom(cursor: Cursor<M>) {
    const { topic } = this.options.content;
    return { topic, partition: cursor.partition, offset: cursor.nextToRead, owner: cursor.owner };
  }

  private async read(work: OpenWork<M>): Promise<void> {
    work.pipeline.throwIfFailed();
    if (this.isBlockDue(work)) this.submit(work);
    for (const batch of await this.poll(work)) await this.take(work, batch);
    await this.housekeep();
  }

  private isBlockDue({ gathering, pipeline }: OpenWork<M>): boolean {
    return !gathering.isEmpty && pipeline.isFree && this.pacing.dueAtMs <= this.options.clock.elapsedMs();
  }

  /** Batches, or none when something else is to be done first: a block is due, or the assignment has changed. */
  private async poll({ gathering, pipeline }: OpenWork<M>): Promise<Batch[]> {
    const dueInMs = this.pacing.dueAtMs - this.options.clock.elapsedMs();
    const waitMs = gathering.isEmpty || !pipeline.isFree ? POLL_MS : Math.min(POLL_MS, Math.max(1, dueInMs));
    this.polling ??= this.reader.poll(POLL_MS);
    const sleeping = this.waker.sleep(waitMs).then(() => null);
    try {
      const batches = await Promise.race([this.polling, sleeping]);
      if (batches === null) return [];
      this.polling = null;
      return batches;
    } catch (error) {
      this.polling = null;
      if (!(error instanceof UnreadablePartitionError)) throw error;
      this.stopUnreadable(error);
      return [];
    } finally {
      this.waker.wake();
    }
  }

  private async take({ assignment, gathering }: OpenWork<M>, batch: Batch): Promise<void> {
    const cursor = this.cursors.get(batch.partition);
    if (assignment.hasEnded || cursor?.state.name !== 'reading' || batch.owner !== cursor.owner) return;
    cursor.sawEnd(batch.highWatermark);
    try {
      await gathering.take(cursor, batch);
      // The end of a transaction is passed without a block.
      this.announce(cursor);
    } catch (error) {
      if (!(error instanceof UnusableOffsetError)) throw error;
      // Fetching a schema was cut short.
      if (this.closing.signal.aborted) return;
      this.stopPartition(cursor, error.message, error.cause);
    }
  }

  private submit({ assignment, gathering, pipeline }: OpenWork<M>): void {
    if (assignment.hasEnded) return;
    this.pacing.started(this.options.clock.elapsedMs());
    pipeline.submit(gathering.handOver(this.cursors));
  }

  /** Hands over a block that is full, as soon as the pipeline takes it. */
  private async flush(work: OpenWork<M>): Promise<void> {
    while (!work.pipeline.isFree) await this.waker.sleep(POLL_MS);
    work.pipeline.throwIfFailed();
    this.submit(work);
  }

  private complete(block: Block): void {
    for (const [partition, range] of block.ranges) {
      const cursor = this.cursors.get(partition);
      if (cursor === undefined) continue;
      cursor.complete(range, this.options.clock.elapsedMs());
      this.announce(cursor);
    }
  }

  private announce(cursor: Cursor<M>): void {
    const { topic } = this.options.content;
    const { position } = cursor.stagePosition(topic);
    if (position !== null) this.moved(topic, cursor.partition, position);
  }

  private async housekeep(): Promise<void> {
    const { metrics, content, clock } = this.options;
    const { topic } = content;
    let stopped = 0;
    for (const cursor of this.cursors.values()) {
      metrics.lag.set({ topic, partition: cursor.partition }, cursor.lag);
      if (cursor.state.name !== 'stopped') continue;
      stopped += 1;
      // Not while a block holds records of it: they would be gathered twice.
      if (!cursor.isPending && clock.elapsedMs() > cursor.state.retryAtMs) await this.retry(cursor);
    }
    metrics.stopped.set({ topic }, stopped);
    await this.checkpoints.write([...this.cursors.values()].filter((cursor) => this.checkpoints.isDue(cursor)));
  }

  /** Opens a stopped partition again; the others are read on. */
  private async retry(cursor: Cursor<M>): Promise<void> {
    const { content, logger, clock } = this.options;
    const assignment = assignmentOf(this.state);
    if (assignment === null) return;
    cursor.reopen();
    try {
      const opened = await openPartitions(this.options, [cursor.partition], assignment.signal);
      if (opened === null || assignment.hasEnded) return;
      await this.settle(opened);
      if (cursor.state.name === 'reading' && !assignment.hasEnded) this.reader.seek(this.readFrom(cursor));
    } catch (error) {
      const fields = { topic: content.topic, partition: cursor.partition, err: error };
      logger.warn(fields, 'cannot retry a stopped partition; trying again later');
      cursor.stop(cursor.problem ?? messageOf(error), clock.elapsedMs() + STOPPED_RETRY_MS);
    }
  }

  private stopUnreadable(error: UnreadablePartitionError): void {
    const cursor = this.cursors.get(error.partition);
    // Retention may have taken the offset, or the log have lost its end: opening the partition again tells which.
    const retryMs = error instanceof OffsetOutOfRangeError ? RETRY_PAUSE_MS : STOPPED_RETRY_MS;
    if (cursor?.state.name === 'reading') this.stopPartition(cursor, error.message, error, retryMs);
    else this.reader.remove(error.topic, error.partition);
  }

  private stopPartition(cursor: Cursor<M>, problem: string, error: unknown, retryMs = STOPPED_RETRY_MS): void {
    cursor.stop(problem, this.options.clock.elapsedMs() + retryMs);
    this.reader.remove(this.options.content.topic, cursor.partition);
    this.reportStopped(cursor, problem, error);
  }

  private reportStopped({ partition }: Cursor<M>, problem: string, error: unknown): void {
    const { logger, content } = this.options;
    const reason = error instanceof Error ? error.name : undefined;
    logger.error({ topic: content.topic, partition, problem, reason }, 'partition stopped; no record is skipped');
  }

  /** Writes what is gathered, and checkpoints: the sink may be down for long. */
  private async finish(): Promise<void> {
    const { work, options } = this;
    if (work !== null && !work.assignment.hasEnded && !work.gathering.isEmpty) await this.flush(work);
    await work?.pipeline.drained();
    if (options.givingUp.signal.aborted || work?.assignment.hasEnded !== false) return;
    const due = [...this.cursors.values()].filter(
      (cursor) => !cursor.isPending && (cursor.blocksSinceCheckpoint > 0 || cursor.hasMarkersBehind),
    );
    await this.checkpoints.write(due);
  }
}
