/** Where one stage stands in one partition of its input. Times are milliseconds since 1970 on the log's clock. */
export interface StagePosition {
  stage: string;
  topic: string;
  partition: number;
  /** The next offset: everything before it is done durably (committed, or in the ledger). Null while it is unknown. */
  position: number | null;
  end: number;
  logTimeMs: number | null;
  /** When the earliest deadline that still waits falls due. */
  earliestDueMs: number | null;
  state: 'restoring' | 'running' | 'stopped';
}
