import type { SupervisedTask } from './partition-supervisor.ts';
import type { Transitions } from '../transitions.ts';

/**
 * What a partition's supervisor is doing. `task` is the partition's only task; there is none in the other states.
 *
 *                 assigned                  opened
 *       ┌──────┐ ─────────▶ ┌─────────┐ ─────────▶ ┌─────────┐
 *       │ idle │            │ opening │            │ running │
 *       └──────┘            └─────────┘            └─────────┘
 *          ▲ ▲                │  │  ▲                │   │
 *          │ │ ended          │  │  │                │   │
 *          │ └── closing ◀────┴──│──│── revoked ─────┘   │
 *          │                     │  │                    │
 *          │                     ├──│──── failed ────────┘
 *          │                     ▼  │
 *          │       pausing, stopped ┤ the pause is over
 *          └────── fenced ──────────┘ the group has confirmed a later generation
 *         revoked
 *
 * - idle: the partition is another process's, or it was assigned a moment ago.
 * - opening: the task fences its predecessor and restores its state.
 * - running: the task handles records.
 * - closing: the partition was revoked and its task is ending; it may have been assigned again meanwhile.
 * - pausing: the task failed; the next one opens at `untilMs`.
 * - fenced: another producer has taken the partition's transactional id; only a later generation of the group may open
 *   it here. The group is asked for one at `rejoinAtMs`.
 * - stopped: the partition cannot continue until somebody acts; the next attempt is at `untilMs`.
 *
 * Times are those of the clock's `elapsedMs`.
 */
export type SupervisorState =
  | { readonly name: 'idle' }
  | { readonly name: 'opening' | 'running'; readonly task: SupervisedTask; readonly openedAtMs: number }
  | { readonly name: 'closing'; readonly task: SupervisedTask }
  | { readonly name: 'pausing' | 'stopped'; readonly untilMs: number }
  | { readonly name: 'fenced'; readonly generation: number; readonly rejoinAtMs: number };

export const SUPERVISOR_TRANSITIONS: Transitions<SupervisorState['name']> = {
  idle: ['opening'],
  opening: ['running', 'closing', 'pausing', 'fenced', 'stopped'],
  running: ['closing', 'pausing', 'fenced', 'stopped'],
  closing: ['idle'],
  pausing: ['opening', 'idle'],
  fenced: ['opening', 'idle'],
  stopped: ['opening', 'idle'],
};
