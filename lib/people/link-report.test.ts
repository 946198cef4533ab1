import { describe, expect, it } from 'vitest';
import { cartInput, erasureInput, recordInput, rulesInput, World } from './testing.ts';

const PHONE = 'phone:+18085550143';

/** Shows the phone with this many addresses. */
function seen(world: World, count: number, first = 0): void {
  for (let i = first; i < first + count; i++) world.fold(recordInput([PHONE, `email:a${i}@x.io`], { at: i }));
}

const reported = (world: World): unknown[] =>
  [...world.report.values()].map(({ value, seen_with, junk, reason, allowed, limit }) => [
    value,
    Math.max(...Object.values(seen_with)),
    limit,
    junk ? reason : 'links',
    allowed,
  ]);

describe('the link report', () => {
  it('has an identifier from 60 % of the limit on, and says when it becomes junk', () => {
    const world = new World();
    seen(world, 14);
    expect(reported(world)).toEqual([]);
    seen(world, 1, 14);
    expect(reported(world)).toEqual([['+18085550143', 15, 25, 'links', false]]);
    seen(world, 10, 15);
    expect(reported(world)).toEqual([['+18085550143', 25, 25, 'links', false]]);
    seen(world, 1, 25);
    expect(reported(world)).toEqual([['+18085550143', 26, 25, 'limit', false]]);
    expect([...world.report.values()][0]).toMatchObject({ kind: 'phone', seen_with: { phone: 0, email: 26 } });
  });

  it('changes only when a count or a rule does, at most some hundred times for one identifier', () => {
    const world = new World();
    seen(world, 300);
    const emitted = world.outcomes.filter(({ kind }) => kind === 'link_report').length;
    expect(emitted).toBe(101 - 14);
    expect(reported(world)).toEqual([['+18085550143', 101, 25, 'limit', false]]);
    world.fold(cartInput('c', [PHONE, 'email:a1@x.io'], { at: 400 }));
    world.fold(rulesInput(1, { limit: 25 }));
    expect(world.outcomes.filter(({ kind }) => kind === 'link_report')).toHaveLength(emitted);
  });

  it('follows the link rules, up and down', () => {
    const world = new World();
    seen(world, 20);
    world.fold(rulesInput(1, { limit: 50 }));
    expect(reported(world)).toEqual([]);
    world.fold(rulesInput(2, { limit: 10 }));
    expect(reported(world)).toEqual([['+18085550143', 20, 10, 'limit', false]]);
    world.fold(rulesInput(3, { limit: 10, allow: [PHONE] }));
    expect(reported(world)).toEqual([['+18085550143', 20, 10, 'links', true]]);
    world.fold(rulesInput(4, { limit: 50, deny: [PHONE, 'email:new@x.io'] }));
    expect(reported(world)).toEqual([['+18085550143', 20, 50, 'deny', false]]);
    world.fold(cartInput('c', ['email:new@x.io']));
    expect(reported(world)).toHaveLength(2);
    world.fold(rulesInput(5, { limit: 50 }));
    expect(reported(world)).toEqual([]);
  });

  it('forgets an identifier that is erased without naming it', () => {
    const world = new World();
    seen(world, 20);
    const outcomes = world.fold(erasureInput(5000, { identifiers: [PHONE] }));
    expect(reported(world)).toEqual([]);
    const removal = outcomes.find(({ kind }) => kind === 'link_report')?.link_report;
    expect(removal).toMatchObject({ removed: true, kind: null, value: null });
  });

  it('takes up what an earlier version of the state has not reported', () => {
    const world = new World();
    seen(world, 20);
    world.report.clear();
    const key = 'i/w/2+18085550143';
    const value = world.store.get(key)!;
    // The entry ends with the flag that the report has it.
    expect(value.at(-1)).toBe(1);
    world.store.put(key, Buffer.concat([value.subarray(0, -1), Buffer.from([0])]));
    world.fold(cartInput('c', [PHONE]));
    expect(reported(world)).toHaveLength(1);
  });
});
