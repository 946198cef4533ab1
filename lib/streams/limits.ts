import type { Limits } from './task-core.ts';

/**
 * When a transaction is committed: after this many records, outputs and changes, or bytes of them, or after this time. It
 * must be complete well before the broker's transaction timeout, and the process must not stay silent for long: the group
 * would remove it.
 */
export interface TaskLimits extends Omit<Limits, 'isTimeUp'> {
  records: number;
  workMs: number;
}

export const TASK_LIMITS: TaskLimits = { records: 2_000, effects: 5_000, bytes: 8 << 20, workMs: 250 };
