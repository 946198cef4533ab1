import { describe, expect, it } from 'vitest';
import { assertTransition } from '../transitions.ts';
import { FLOW_TRANSITIONS, stateAfter, type FlowState } from './flow-state.ts';

const STATES = Object.keys(FLOW_TRANSITIONS) as FlowState[];
const COMMANDS = ['publish', 'pause', 'resume', 'archive'] as const;

describe('the state of a flow', () => {
  it.each([
    ['draft', ['live', '-', '-', 'archived']],
    ['live', ['live', 'paused', 'live', 'archived']],
    ['paused', ['paused', 'paused', 'live', 'archived']],
    ['archived', ['-', '-', '-', 'archived']],
  ] as [FlowState, string[]][])('%s is followed by %j after publish, pause, resume, archive', (state, after) => {
    expect(COMMANDS.map((command) => stateAfter(state, command) ?? '-')).toEqual(after);
  });

  it('changes by the table of transitions alone', () => {
    for (const state of STATES) {
      for (const command of COMMANDS) {
        const after = stateAfter(state, command);
        // A command that changes nothing is no transition.
        if (after === undefined || (after === state && command !== 'publish')) continue;
        expect(() => assertTransition('a flow', FLOW_TRANSITIONS, state, after)).not.toThrow();
      }
    }
  });
});
