import { describe, expect, it } from 'vitest';
import { Assignment, CONSUMER_TRANSITIONS, transition, type ConsumerState } from './consumer-state.ts';

const names = Object.keys(CONSUMER_TRANSITIONS) as ConsumerState['name'][];
const stateOf = (name: ConsumerState['name'], assignment = new Assignment([0])): ConsumerState =>
  name === 'idle' || name === 'stopped' ? { name } : { name, assignment };
const pairs = names.flatMap((from) => names.map((to) => [from, to] as const));

describe('the states of a consumer', () => {
  it('has the transitions that it was designed with', () => {
    const legal = pairs.filter(([from, to]) => CONSUMER_TRANSITIONS[from].includes(to));
    expect(legal.map((pair) => pair.join(' → '))).toEqual([
      'idle → opening',
      'idle → closing',
      'opening → opening',
      'opening → open',
      'opening → closing',
      'open → opening',
      'open → closing',
      'closing → stopped',
    ]);
  });

  it.each(pairs)('%s → %s', (from, to) => {
    const next = stateOf(to);
    const move = (): ConsumerState => transition('t', stateOf(from), next);
    if (CONSUMER_TRANSITIONS[from].includes(to)) expect(move()).toBe(next);
    else expect(move).toThrow(`"${from}" cannot become "${to}"`);
  });

  it('ends an assignment that the next state does not keep, and no other', () => {
    const [first, second] = [new Assignment([0, 1]), new Assignment([1])];
    transition('t', stateOf('opening', first), stateOf('open', first));
    expect(first.hasEnded).toBe(false);
    transition('t', stateOf('open', first), stateOf('opening', second));
    expect([first.signal.aborted, second.hasEnded]).toEqual([true, false]);
    transition('t', stateOf('opening', second), { name: 'closing', assignment: null });
    expect(second.hasEnded).toBe(true);
  });

  it('knows an assignment of the same partitions in another order', () => {
    expect(new Assignment([0, 1]).isSameAs([1, 0])).toBe(true);
    expect(new Assignment([0, 1]).isSameAs([0])).toBe(false);
    expect(new Assignment([0, 1]).isSameAs([0, 2])).toBe(false);
  });
});
