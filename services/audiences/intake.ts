import { markOf, type Mark } from '../../lib/kafka/continuity.ts';
import type { Batch, KafkaRecord, Reader } from '../../lib/kafka/types.ts';
import { decodeRecord, type Decoding } from '../../lib/streams/decode-record.ts';
import { InputBuffer } from '../../lib/streams/input-buffer.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import type { Arrivals } from './evaluator.ts';
import { Touched, touchedBy } from './touch.ts';

/** Reading pauses while this many people wait for their evaluation. */
const MAX_GATHERED = 50_000;

/** Records that were read, as far as they matter here. */
export interface Gathered {
  readonly touched: Touched;
  /** The offset after the last of them. */
  offset: number;
  /** Identifies the last of them; undefined when there were only markers. */
  mark: Mark | undefined;
}

export interface IntakeDeps {
  partition: number;
  reader: Reader;
  decoding: Decoding<Outcome>;
  /** Whether somebody in the workspace is in a live audience or may enter one. */
  concerns(workspace: string): boolean;
  /** Resolves once everything of the partition before the offset is in ClickHouse. */
  untilStored(offset: number): Promise<void>;
  /** Called with each record that is read. */
  onRecord(): void;
  /** Something has arrived, or what was waited for is stored. */
  wake(): void;
}

/** From a record that arrives to the people who are evaluated because of it: reads, and waits for ClickHouse. */
export class Intake implements Arrivals {
  /** The end of the log as it was last read. */
  end: number | null = null;
  private readonly buffer: InputBuffer;
  private gathering: Gathered = { touched: new Touched(), offset: 0, mark: undefined };
  /** Everything before it waits, or was evaluated, or needed no evaluation. */
  private passedOffset = 0;
  /** What was gathered and waits until ClickHouse has it, or is evaluated. */
  private waiting: Gathered | null = null;
  private isStored = false;
  /** Everything before it is known to be in ClickHouse. */
  private storedOffset = -1;
  private failure: Error | null = null;

  /** @param owner of what is read, as in InputBuffer */
  constructor(
    private readonly deps: IntakeDeps,
    owner: object,
  ) {
    const { reader, partition } = deps;
    this.buffer = new InputBuffer({ reader, topic: TOPICS.traitEvents, partition }, owner);
  }

  start(offset: number): void {
    this.passedOffset = offset;
    this.gathering = { touched: new Touched(), offset, mark: undefined };
    this.buffer.start(offset);
  }

  stop(): void {
    this.buffer.end();
  }

  offer(batch: Batch): void {
    this.buffer.offer(batch);
    this.deps.wake();
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.deps.wake();
  }

  /** Everything before it was read. */
  get readOffset(): number {
    return this.gathering.offset;
  }

  /** What may be evaluated now. */
  get ready(): Gathered | null {
    return this.isStored ? this.waiting : null;
  }

  /** What was ready is evaluated. */
  done(): void {
    this.waiting = null;
    this.isStored = false;
  }

  /** Throws the failure of reading once everything before it has been taken. */
  check(): void {
    if (this.failure !== null && this.buffer.isEmpty) throw this.failure;
  }

  /** Takes the records that have arrived, as far as there is room. */
  async takeArrivals(): Promise<void> {
    const { buffer, gathering } = this;
    for (let batch = buffer.first(); batch !== undefined; batch = buffer.first()) {
      if (gathering.touched.size >= MAX_GATHERED) return;
      this.end = Math.max(this.end ?? 0, batch.highWatermark);
      for (const record of batch.records) await this.take(record);
      const last = batch.records.at(-1);
      if (last !== undefined) gathering.mark = markOf(last);
      gathering.offset = Math.max(gathering.offset, batch.nextOffset);
      buffer.take(batch.records.length);
      buffer.shift();
    }
  }

  private async take(record: KafkaRecord): Promise<void> {
    this.deps.onRecord();
    // The key is the workspace. Records that concern nobody need not be decoded.
    if (!this.deps.concerns(record.key?.toString('utf8') ?? '')) return;
    const outcome = await decodeRecord(record, this.deps.decoding);
    if (outcome === undefined) return;
    for (const [personId, touch] of touchedBy(outcome)) this.gathering.touched.add(outcome.workspace, personId, touch);
  }

  /**
   * Lets what was gathered wait for ClickHouse, if nothing waits yet. Returns it if it concerns nobody: then it needs no
   * evaluation.
   */
  passOn(): Gathered | null {
    const { gathering } = this;
    if (this.waiting !== null || gathering.offset === this.passedOffset) return null;
    this.passedOffset = gathering.offset;
    this.gathering = { touched: new Touched(), offset: gathering.offset, mark: undefined };
    if (gathering.touched.size === 0) return gathering;
    this.waiting = gathering;
    this.waitStored(gathering.offset).then(
      () => {
        this.isStored = true;
        this.deps.wake();
      },
      (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))),
    );
    return null;
  }

  /** Resolves once everything before the offset is in ClickHouse. */
  async waitStored(offset: number): Promise<void> {
    if (this.storedOffset >= offset) return;
    await this.deps.untilStored(offset);
    this.storedOffset = Math.max(this.storedOffset, offset);
  }

  hasNewer(workspace: string, personId: number): boolean {
    if (this.gathering.touched.has(workspace, personId)) return true;
    return !this.isStored && this.waiting?.touched.has(workspace, personId) === true;
  }

  defer(workspace: string, personId: number, touch: number): void {
    this.gathering.touched.add(workspace, personId, touch);
  }
}
