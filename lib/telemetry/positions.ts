/**
 * What a stage is doing in one partition.
 *
 * - restoring: it reads its state back and does not know its deadlines yet.
 * - running: it handles records.
 * - closing: it finishes its last transaction before the partition goes to another process, or is opened again.
 * - waiting: it is not open at the moment: it opens again by itself, after a pause or when the group allows it.
 * - stopped: it cannot continue until somebody acts.
 */
export const STAGE_STATES = ['restoring', 'running', 'closing', 'waiting', 'stopped'] as const;

export type StageState = (typeof STAGE_STATES)[number];

/**
 * Why a stopped partition cannot continue by itself. docs/operate.md explains what to do about each.
 *
 * - failing_record: the stage fails on the same record every time.
 * - clock_ahead: log time is far ahead of the process's clock.
 * - corrupt_log: its log cannot be read.
 * - broken_continuity: its log or its committed offset is not what it was when records were handled.
 * - unusable_state: an entry of its changelog cannot be read.
 * - input_unusable: the sink cannot use what the log holds, or what it no longer holds; the detail says why.
 */
export const STOP_REASONS = [
  'failing_record',
  'clock_ahead',
  'corrupt_log',
  'broken_continuity',
  'unusable_state',
  'input_unusable',
] as const;

export type StopReason = (typeof STOP_REASONS)[number];

/** What a stage fails on: the record itself, or a deadline that fires when the record is handled. */
export const FAILING_PARTS = ['record', 'deadline'] as const;

export type FailingPart = (typeof FAILING_PARTS)[number];

/** The progress of one stage in one partition of its input. Times are Unix milliseconds of log time. */
export interface StagePosition {
  stage: string;
  topic: string;
  partition: number;
  /** The next offset: everything before it is done durably (committed, or in the ledger). Null while unknown. */
  position: number | null;
  /** The end of the log as it was last read; null while unknown. */
  end: number | null;
  logTimeMs: number | null;
  /** The earliest deadline that has not fired. */
  earliestDueMs: number | null;
  state: StageState;
  /** Why the partition is stopped; absent while unknown, and in positions of earlier releases. */
  stopReason?: StopReason;
  /** More about the reason, without data of records. */
  stopDetail?: string;
  /** The record on which the partition has stopped, because the stage fails on it every time. */
  failingOffset?: number;
  /** What the stage fails on there. */
  failingPart?: FailingPart;
}
