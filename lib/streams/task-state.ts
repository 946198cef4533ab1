import type { Transitions } from '../transitions.ts';

/**
 * What a task is doing. It lives once: after `closed` the supervisor makes another one.
 *
 *     restoring ──▶ running ◀──▶ stopped
 *         │            │            │
 *         └────────────┴────────────┴──▶ closing ──▶ closed
 *
 * - restoring: it fences its predecessor, finds where to start and reads its state back.
 * - running: it handles records.
 * - stopped: the next record would take log time far ahead of this process's clock; it waits for the clocks to agree.
 * - closing: it takes no more input and finishes its transaction if it can. `failure` is what broke it; null when it was
 *   asked to close.
 * - closed: it has ended.
 */
export type TaskState =
  | { readonly name: 'restoring' | 'running' | 'stopped' | 'closed' }
  | { readonly name: 'closing'; readonly failure: Error | null };

export const TASK_TRANSITIONS: Transitions<TaskState['name']> = {
  restoring: ['running', 'closing'],
  running: ['stopped', 'closing'],
  stopped: ['running', 'closing'],
  closing: ['closed'],
  closed: [],
};
