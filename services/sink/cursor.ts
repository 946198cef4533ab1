import assert from 'node:assert/strict';
import { markOf, type Mark } from '../../lib/kafka/continuity.ts';
import { scrubText, type StagePosition } from '../../lib/telemetry/index.ts';
import { assertTransition, type Transitions } from '../../lib/transitions.ts';
import type { BlockRange, CountedRecord } from './block.ts';
import type { Checkpoint, LedgerState } from './ledger.ts';

/** A record with its decoded body. */
export interface Message<M> extends CountedRecord {
  body: M;
}

export type CursorState =
  /** Being compared with its ledger and its log. `problem`: why it was stopped before; null if it was not. */
  | { readonly name: 'opening'; readonly problem: string | null }
  | { readonly name: 'reading' }
  /** Cannot be read on. Retried at `retryAtMs` (elapsed time). */
  | { readonly name: 'stopped'; readonly problem: string; readonly retryAtMs: number };

export const CURSOR_TRANSITIONS: Transitions<CursorState['name']> = {
  opening: ['reading', 'stopped'],
  reading: ['opening', 'stopped'],
  stopped: ['opening'],
};

/** All exclusive: everything before the offset has got so far. */
interface Offsets {
  /** In the tables and in the ledger. */
  next: number;
  /** In a block that was handed to the writer. */
  submitted: number;
  /** Read. What lies between `submitted` and `read` is gathered in the open block, or held. */
  read: number;
}

/** What a block covers of a partition. */
export interface SubmittedRange {
  first: number;
  /** Exclusive. */
  next: number;
}

/**
 * The progress of the sink in one partition. Every move is a method; after each one
 * `next ≤ submitted ≤ gathered ≤ read` holds, or an AssertionError is thrown: continuing could skip records.
 */
export class Cursor<M> {
  private current: CursorState = { name: 'opening', problem: null };
  /** Null until the ledger was read for the first time. */
  private offsets: Offsets | null = null;
  private chainFirst = 0;
  /** High watermark, as last seen. */
  private end = 0;
  private logTimeMs: number | null = null;
  private mark: Mark | undefined;
  /** Records in the open block. */
  private gathered = 0;
  /** The messages of the last cause that was read, until all of that cause has been read. */
  private held: Message<M>[] = [];
  private blocks = 0;
  private blocksInCheckpoint = 0;
  private movedAtMs = 0;
  private checkpointAtMs = 0;
  private token: object = {};

  constructor(readonly partition: number) {}

  get state(): CursorState {
    return this.current;
  }

  /** Another one for each opening: a batch that was read for an earlier one is stale. */
  get owner(): object {
    return this.token;
  }

  /** Compared and found in order: reading resumes where the ledger ends. `end` is the high watermark. */
  open(ledger: LedgerState, end: number, nowMs: number): void {
    this.become({ name: 'reading' });
    this.restart(ledger, end);
    this.movedAtMs = this.checkpointAtMs = nowMs;
  }

  /** Compared and found broken: it stops where the ledger ends. */
  refuse(ledger: LedgerState, end: number, problem: string, retryAtMs: number): void {
    this.become({ name: 'stopped', problem, retryAtMs });
    this.restart(ledger, end);
  }

  /** Forgets what is read and not yet durable; only `next` is still true until the next opening. */
  reopen(): void {
    const offsets = this.known();
    this.become({ name: 'opening', problem: this.problem });
    this.offsets = { next: offsets.next, submitted: offsets.next, read: offsets.next };
    this.gathered = 0;
    this.held = [];
  }

  /** Why it is stopped, or was before the current opening; null while no problem is known. */
  get problem(): string | null {
    return this.current.name === 'reading' ? null : this.current.problem;
  }

  /** Forgets what is held; what is gathered already will still be written. */
  stop(problem: string, retryAtMs: number): void {
    const offsets = this.known();
    this.become({ name: 'stopped', problem, retryAtMs });
    offsets.read = this.gatheredTo;
    this.held = [];
    this.check();
  }

  /** A message was read; it is held until `gather`. */
  read(message: Message<M>): void {
    const offsets = this.known();
    assert(this.current.name === 'reading', 'only a cursor in state "reading" takes messages');
    assert(message.offset >= offsets.read, 'a record was read twice');
    this.held.push(message);
    offsets.read = message.offset + 1;
    this.check();
  }

  /** Everything before `offset` was read, markers and aborted records among it. */
  readTo(offset: number): void {
    const offsets = this.known();
    offsets.read = Math.max(offsets.read, offset);
    this.check();
  }

  sawEnd(highWatermark: number): void {
    this.end = highWatermark;
  }

  /** The first held message is in the open block. */
  gather(): void {
    const message = this.held.shift();
    assert(message !== undefined, 'no message is held');
    this.gathered += 1;
    this.check();
  }

  /** What is gathered was handed to the writer. */
  submit(): SubmittedRange {
    const offsets = this.known();
    const range = { first: offsets.submitted, next: this.gatheredTo };
    offsets.submitted = range.next;
    this.gathered = 0;
    this.check();
    return range;
  }

  /** A block is in all tables and in the ledger. Blocks complete in the order in which they were submitted. */
  complete(range: BlockRange, nowMs: number): void {
    const offsets = this.known();
    assert(range.first === offsets.next, `a block from ${range.first} does not continue the ledger at ${offsets.next}`);
    offsets.next = range.last + 1;
    this.logTimeMs = range.logTimeMs;
    if (range.record !== null) this.mark = markOf(range.record);
    this.blocks += 1;
    this.movedAtMs = nowMs;
    this.check();
  }

  /** What a checkpoint may say: all that is durable, and the markers behind it. */
  checkpoint(): Checkpoint {
    return { first: this.chainFirst, next: this.durableTo, mark: this.mark };
  }

  /** A checkpoint was tried; it is not tried again at once, whether it succeeded or not. */
  triedCheckpoint(nowMs: number): void {
    this.checkpointAtMs = this.movedAtMs = nowMs;
  }

  /** The checkpoint is in the ledger; `blocks`: what `blocksWritten` was when it was taken. */
  checkpointed({ next }: Checkpoint, blocks: number): void {
    const offsets = this.known();
    this.blocksInCheckpoint = blocks;
    if (!this.isPending && next > offsets.next) offsets.next = offsets.submitted = next;
    this.check();
  }

  /** Blocks in the ledger, counted from the checkpoint with which it was opened. */
  get blocksWritten(): number {
    return this.blocks;
  }

  get blocksSinceCheckpoint(): number {
    return this.blocks - this.blocksInCheckpoint;
  }

  /** Milliseconds since the last checkpoint was tried. */
  checkpointAgeMs(nowMs: number): number {
    return nowMs - this.checkpointAtMs;
  }

  /** Milliseconds since the ledger last moved. */
  quietMs(nowMs: number): number {
    return nowMs - this.movedAtMs;
  }

  /** Markers or aborted records were read behind the ledger's end, and nothing else. */
  get hasMarkersBehind(): boolean {
    return this.offsets !== null && !this.isPending && this.offsets.read > this.offsets.next;
  }

  get firstHeld(): Message<M> | undefined {
    return this.held[0];
  }

  get lastHeld(): Message<M> | undefined {
    return this.held.at(-1);
  }

  /** The next offset to read. */
  get nextToRead(): number {
    return this.known().read;
  }

  /** Something was read that is not in the ledger yet. */
  get isPending(): boolean {
    const { offsets } = this;
    return offsets !== null && (this.gathered > 0 || this.held.length > 0 || offsets.submitted > offsets.next);
  }

  /** Everything before is durable, markers and aborted records among it; null while that is unknown. */
  get position(): number | null {
    return this.offsets === null ? null : this.durableTo;
  }

  get lag(): number {
    return Math.max(0, this.end - (this.position ?? 0));
  }

  stagePosition(topic: string): StagePosition {
    return {
      stage: 'sink',
      topic,
      partition: this.partition,
      position: this.position,
      end: this.offsets === null ? null : this.end,
      logTimeMs: this.logTimeMs,
      earliestDueMs: null,
      state: this.problem !== null ? 'stopped' : this.current.name === 'reading' ? 'running' : 'restoring',
      ...(this.problem === null ? {} : { stopReason: 'input_unusable', stopDetail: scrubText(this.problem) }),
    };
  }

  private get durableTo(): number {
    const offsets = this.known();
    return this.isPending ? offsets.next : offsets.read;
  }

  private get gatheredTo(): number {
    return this.held[0]?.offset ?? this.known().read;
  }

  private restart({ first, next, blocks, mark }: LedgerState, end: number): void {
    this.offsets = { next, submitted: next, read: next };
    this.chainFirst = first;
    this.blocks = blocks;
    this.blocksInCheckpoint = 0;
    this.mark = mark;
    this.end = end;
    this.check();
  }

  private known(): Offsets {
    assert(this.offsets !== null, 'the cursor has not been opened');
    return this.offsets;
  }

  private become(next: CursorState): void {
    assertTransition(`cursor of partition ${this.partition}`, CURSOR_TRANSITIONS, this.current.name, next.name);
    if (next.name === 'opening') this.token = {};
    this.current = next;
  }

  /** Runs for every record: messages are made only when something is wrong. */
  private check(): void {
    const { next, submitted, read } = this.known();
    const gatheredTo = this.gatheredTo;
    const isOrdered = this.chainFirst <= next && next <= submitted && submitted <= gatheredTo && gatheredTo <= read;
    const isGatheredInOrder = this.gathered === 0 || submitted < gatheredTo;
    const isHeldRead = this.held.length === 0 || (this.lastHeld?.offset ?? read) < read;
    if (isOrdered && isGatheredInOrder && isHeldRead) return;
    const { partition, chainFirst, gathered, held } = this;
    const seen = { partition, chainFirst, next, submitted, gatheredTo, read, gathered, held: held.length };
    assert.fail(`the offsets of a cursor contradict each other: ${JSON.stringify(seen)}`);
  }
}
