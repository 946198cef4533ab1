import type { Transitions } from '../transitions.ts';
import type { FlowStateBody, FlowStateCommand } from './entities.ts';

/**
 * The states of a flow:
 *
 *     draft ──publish──▶ live ◀──resume / pause──▶ paused
 *       │                 │                          │
 *       └─────────────────┴──────── archive ─────────┴──▶ archived
 *
 * A publish of a paused flow leaves it paused. A live flow is shown as `publishing` until its publish has reached the log
 * of flows.
 */
export type FlowState = 'draft' | FlowStateBody['state'];

export const FLOW_TRANSITIONS: Transitions<FlowState> = {
  draft: ['live', 'archived'],
  live: ['live', 'paused', 'archived'],
  paused: ['paused', 'live', 'archived'],
  archived: [],
};

type StateCommand = FlowStateCommand['what'];

/** The state that a command leads to, by the state before. What is missing is not possible. */
const AFTER: Readonly<Record<StateCommand, Readonly<Partial<Record<FlowState, FlowStateBody['state']>>>>> = {
  publish: { draft: 'live', live: 'live', paused: 'paused' },
  pause: { live: 'paused', paused: 'paused' },
  resume: { paused: 'live', live: 'live' },
  archive: { draft: 'archived', live: 'archived', paused: 'archived', archived: 'archived' },
};

/** The state after a command; undefined where the command is not possible. */
export const stateAfter = (state: FlowState, command: StateCommand): FlowStateBody['state'] | undefined =>
  AFTER[command][state];
