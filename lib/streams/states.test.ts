import { describe, expect, it } from 'vitest';
import { SUPERVISOR_TRANSITIONS } from './supervisor-state.ts';
import { TASK_TRANSITIONS } from './task-state.ts';
import { IllegalTransitionError, assertTransition, type Transitions } from '../transitions.ts';

/** Every pair of states of a table as `from → to`, divided by whether the step is allowed. */
function pairsOf<S extends string>(table: Transitions<S>): { allowed: string[]; refused: string[] } {
  const states = Object.keys(table) as S[];
  const result: { allowed: string[]; refused: string[] } = { allowed: [], refused: [] };
  for (const from of states) {
    for (const to of states) {
      try {
        assertTransition('a test', table, from, to);
        result.allowed.push(`${from} → ${to}`);
      } catch (error) {
        expect(error).toBeInstanceOf(IllegalTransitionError);
        expect(String(error)).toContain(`a test: "${from}" cannot become "${to}"`);
        result.refused.push(`${from} → ${to}`);
      }
    }
  }
  return result;
}

describe('the states of a supervisor', () => {
  it('follow each other as the diagram shows, and in no other way', () => {
    const { allowed, refused } = pairsOf(SUPERVISOR_TRANSITIONS);
    expect(allowed).toEqual([
      'idle → opening',
      'opening → running',
      'opening → closing',
      'opening → pausing',
      'opening → fenced',
      'opening → stopped',
      'running → closing',
      'running → pausing',
      'running → fenced',
      'running → stopped',
      'closing → idle',
      'pausing → idle',
      'pausing → opening',
      'fenced → idle',
      'fenced → opening',
      'stopped → idle',
      'stopped → opening',
    ]);
    expect(refused).toHaveLength(7 * 7 - allowed.length);
  });
});

describe('the states of a task', () => {
  it('follow each other as the diagram shows, and in no other way', () => {
    const { allowed, refused } = pairsOf(TASK_TRANSITIONS);
    expect(allowed).toEqual([
      'restoring → running',
      'restoring → closing',
      'running → stopped',
      'running → closing',
      'stopped → running',
      'stopped → closing',
      'closing → closed',
    ]);
    expect(refused).toHaveLength(5 * 5 - allowed.length);
  });
});
