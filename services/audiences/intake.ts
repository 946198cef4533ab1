import { touchedBy } from '../../lib/audiences/index.ts';
import { markOf, type Mark } from '../../lib/kafka/continuity.ts';
import type { Batch, KafkaRecord, Reader } from '../../lib/kafka/types.ts';
import { decodeRecord, type Decoding } from '../../lib/streams/decode-record.ts';
import { InputBuffer } from '../../lib/streams/input-buffer.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { Outcome } from '../../schemas/types.ts';
import type { Arrivals } from './evaluator.ts';
import { Touched } from './touch.ts';

/** Reading pauses while this many people wait for their evaluation. */
const MAX_GATHERED = 50_000;
/** What arrives while this many parts wait is gathered in one more. */
const MAX_WAITING = 20;

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
  /** As in TaskDeps. */
  untilStored(offset: number): Promise<number>;
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
  /** What was gathered and waits until ClickHouse has it, or for its evaluation; in the order of the log. */
  private readonly waiting: Gathered[] = [];
  private isWaiting = false;
  private evaluated: Gathered | null = null;
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

  /** Whether something may be evaluated now. */
  get isReady(): boolean {
    return (this.waiting[0]?.offset ?? Infinity) <= this.storedOffset;
  }

  /** What may be evaluated now, until `done`. Meanwhile, what has arrived since waits for ClickHouse. */
  begin(): Gathered | null {
    const ready: Gathered[] = [];
    while (this.isReady) ready.push(this.waiting.shift()!);
    return (this.evaluated = joined(ready));
  }

  /** What `begin` has returned is evaluated. */
  done(): void {
    this.evaluated = null;
  }

  /** Throws the failure of reading once everything before it has been taken. */
  check(): void {
    if (this.failure !== null && this.buffer.isEmpty) throw this.failure;
  }

  /** Takes the records that have arrived, as far as there is room; they wait for ClickHouse next. */
  async takeArrivals(): Promise<boolean> {
    await this.gather();
    if (this.gathering.touched.size > 0) this.passOn();
    return this.buffer.isEmpty;
  }

  private async gather(): Promise<void> {
    const { buffer, gathering, waiting } = this;
    const count = waiting.reduce((sum, { touched }) => sum + touched.size, 0);
    for (let batch = buffer.first(); batch !== undefined; batch = buffer.first()) {
      if (count + gathering.touched.size >= MAX_GATHERED) return;
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
   * Lets what was gathered wait for ClickHouse. Returns it if it concerns nobody and nothing before it waits: then it
   * needs no evaluation.
   */
  passOn(): Gathered | null {
    const { gathering, waiting } = this;
    if (gathering.offset === this.passedOffset || waiting.length >= MAX_WAITING) return null;
    const isSkipped = gathering.touched.size === 0;
    // The position does not pass what waits or is being evaluated.
    if (isSkipped && (waiting.length > 0 || this.evaluated !== null)) return null;
    this.passedOffset = gathering.offset;
    this.gathering = { touched: new Touched(), offset: gathering.offset, mark: undefined };
    if (isSkipped) return gathering;
    waiting.push(gathering);
    this.followStored();
    return null;
  }

  /** Waits for the first that ClickHouse does not have yet; often it then has some of those behind it too. */
  private followStored(): void {
    const next = this.waiting.find(({ offset }) => offset > this.storedOffset);
    if (next === undefined || this.isWaiting) return;
    this.isWaiting = true;
    this.waitStored(next.offset).then(
      () => {
        this.isWaiting = false;
        this.deps.wake();
        this.followStored();
      },
      (error: unknown) => this.fail(error instanceof Error ? error : new Error(String(error))),
    );
  }

  /** Resolves once everything before the offset is in ClickHouse. */
  async waitStored(offset: number): Promise<void> {
    if (this.storedOffset >= offset) return;
    const storedOffset = await this.deps.untilStored(offset);
    this.storedOffset = Math.max(this.storedOffset, storedOffset);
  }

  hasNewer(workspace: string, personId: number): boolean {
    return this.newerOf(workspace, personId) !== null;
  }

  defer(workspace: string, personId: number, touch: number): void {
    (this.newerOf(workspace, personId) ?? this.gathering).touched.add(workspace, personId, touch);
  }

  /** What will be evaluated next with records of the person. */
  private newerOf(workspace: string, personId: number): Gathered | null {
    return [...this.waiting, this.gathering].find(({ touched }) => touched.has(workspace, personId)) ?? null;
  }
}

function joined(parts: readonly Gathered[]): Gathered | null {
  const last = parts.at(-1);
  if (last === undefined) return null;
  const touched = new Touched();
  for (const part of parts) touched.addAll(part.touched);
  return { touched, offset: last.offset, mark: last.mark };
}
