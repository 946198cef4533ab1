import type { Mark } from '../../lib/kafka/continuity.ts';
import type { KafkaRecord } from '../../lib/kafka/types.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import type { LedgerState } from './ledger.ts';

/** A record with what it says. */
export interface Message<M> {
  offset: number;
  /** Unix milliseconds, as the log holds it. */
  timestampMs: number;
  value: Buffer;
  body: M;
}

/**
 * Where the sink stands in one partition:
 * next ≤ submittedTo ≤ readTo, and between submittedTo and readTo what is gathered or held.
 */
export class Cursor<M> {
  /** Everything before is in the tables and in the ledger. */
  next: number;
  /** Everything before is in a block that was handed to the writer. */
  submittedTo: number;
  /** Where reading goes on. */
  readTo: number;
  /** First offset of the ledger's chain. */
  readonly chainFirst: number;
  /** Blocks in the ledger since the checkpoint that the partition was opened with, and how many are in a later one. */
  blocks: number;
  blocksInCheckpoint = 0;
  /** When the last checkpoint was tried. */
  checkpointAtMs: number;
  logTimeMs: number | null = null;
  /** Records that are gathered, but in no block that was handed over. */
  gathered = 0;
  /** The messages of the last cause that was read, until it is known to be whole. */
  held: Message<M>[] = [];
  stopped: string | null = null;
  /** When one that stands still is tried again. */
  retryAtMs = Infinity;
  /** Of the last record before `next`. */
  mark: Mark | undefined;
  /** When `next` or the markers behind it last moved. */
  movedAtMs: number;

  constructor(
    readonly partition: number,
    state: LedgerState,
    /** High watermark, as last seen. */
    public end: number,
    nowMs: number,
  ) {
    this.next = this.submittedTo = this.readTo = state.next;
    this.chainFirst = state.first;
    this.blocks = state.blocks;
    this.mark = state.mark;
    this.movedAtMs = this.checkpointAtMs = nowMs;
  }

  get blocksSinceCheckpoint(): number {
    return this.blocks - this.blocksInCheckpoint;
  }

  /** Something was read that is not in the ledger yet. */
  get pending(): boolean {
    return this.gathered > 0 || this.held.length > 0 || this.submittedTo > this.next;
  }

  /** Past markers and aborted records too: with nothing pending, what was read is done. */
  get position(): number {
    return this.pending ? this.next : this.readTo;
  }

  /** Where what was released so far ends. */
  get releasedTo(): number {
    return this.held[0]?.offset ?? this.readTo;
  }

  stagePosition(topic: string): StagePosition {
    return {
      stage: 'sink',
      topic,
      partition: this.partition,
      position: this.position,
      end: this.end,
      logTimeMs: this.logTimeMs,
      earliestDueMs: null,
      state: this.stopped === null ? 'running' : 'stopped',
    };
  }
}

/** Where a partition begins, or why it cannot. */
export type Opening = { state: LedgerState; lost: boolean } | { problem: string };

const OTHER_LOG = 'the topic is not the one that was read before; use the database that belongs to it, or an empty one';

/** What the log shows of a partition. */
export interface LogView {
  beginning: number;
  /** Exclusive. */
  end: number;
  /** Another record stands where the last one stood that is in the ledger. */
  isBroken: boolean;
}

/**
 * Where to go on in a partition, by what the ledger says. `lost`: records were deleted that the sink never saw, and
 * `acceptLost` lets it go on.
 */
export const openingOf = (
  ledger: LedgerState | undefined,
  { beginning, end, isBroken }: LogView,
  acceptLost: boolean,
): Opening => {
  if (ledger === undefined) return { state: { first: beginning, next: beginning, blocks: 0 }, lost: false };
  if (ledger.next > end) {
    return {
      problem: `the ledger ends at ${ledger.next}, the topic already at ${end}: ${OTHER_LOG}`,
    };
  }
  if (isBroken) {
    return {
      problem: `at offset ${ledger.mark?.offset} stands another record than the one in the ledger: ${OTHER_LOG}`,
    };
  }
  if (ledger.next >= beginning) return { state: ledger, lost: false };
  if (acceptLost) return { state: { ...ledger, next: beginning }, lost: true };
  return {
    problem:
      `offsets ${ledger.next} to ${beginning - 1} were deleted before they were read; ` +
      'to go on without them, start once with SINK_ACCEPT_LOST=true',
  };
};

/** True when two records have the same cause: their rows go into one block. */
export type SameCause<M> = (a: Message<M>, b: Message<M>) => boolean;

/** The record's value, or what is wrong with it. */
export const valueOf = (record: KafkaRecord): Buffer => {
  if (record.value === null) throw new Error('a record without a value');
  return record.value;
};
