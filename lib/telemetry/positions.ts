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
  /** The record on which the partition has stopped, because the stage fails on it every time. */
  failingOffset?: number;
  /** What the stage fails on there: the record itself, or a deadline that fires when the record is handled. */
  failingPart?: 'record' | 'deadline';
}
