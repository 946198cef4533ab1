import { describe, expect, it } from 'vitest';
import type { KnownAudience, LiveDefinition } from './definition.ts';
import { isSameDefinition, planOf } from './plan.ts';
import { abandonedIn, definition } from './testing.ts';

const known = (live: LiveDefinition, change: Partial<KnownAudience> = {}): KnownAudience => ({
  ...live,
  number: 0,
  live: true,
  complete: true,
  ...change,
});
const always = (): boolean => true;
const one = definition('one', abandonedIn(5));

describe('the plan', () => {
  it.each<[string, KnownAudience[], LiveDefinition[], string]>([
    ['nothing for what is as it should be', [known(one)], [one], ''],
    ['a build for a new audience', [], [one], 'build one'],
    ['a build for other conditions', [known(one)], [{ ...one, version: 2, audience: abandonedIn(6) }], 'build one'],
    ['a build when anonymous people count', [known(one)], [{ ...one, includeAnonymous: true }], 'build one'],
    ['a build when the days begin elsewhere', [known(one)], [{ ...one, zone: 'Asia/Tokyo' }], 'build one'],
    ['a build for what was not finished', [known(one, { complete: false })], [one], 'build one'],
    ['a build for what was switched off', [known(one, { live: false })], [one], 'build one'],
    ['a name alone for the same conditions', [known(one)], [{ ...one, version: 2 }], 'rename one'],
    ['an end for what is not live any more', [known(one)], [], 'off one'],
    ['nothing for what is off already', [known(one, { live: false })], [], ''],
  ])('has %s', (_, before, live, expected) => {
    const { remove, switchOff, rename, build } = planOf(before, live, always);
    const said = [
      ...remove.map(({ id }) => `remove ${id}`),
      ...switchOff.map(({ id }) => `off ${id}`),
      ...rename.map(({ id }) => `rename ${id}`),
      ...[...build.values()].flat().map(({ id }) => `build ${id}`),
    ];
    expect(said.join()).toBe(expected);
  });

  it('removes what was deleted, live or not, and does not switch it off too', () => {
    const before = [known(one), known(definition('two', abandonedIn(1)), { live: false })];
    const plan = planOf(before, [], () => false);
    expect(plan.remove.map(({ id }) => id)).toEqual(['one', 'two']);
    expect(plan.switchOff).toEqual([]);
  });

  it('builds all of a workspace together', () => {
    const other = definition('three', abandonedIn(1), { workspace: 'globex' });
    const { build } = planOf([], [one, definition('two', abandonedIn(1)), other], always);
    expect([...build].map(([workspace, all]) => `${workspace} ${all.map(({ id }) => id).join()}`)).toEqual([
      'acme one,two',
      'globex three',
    ]);
  });
});

it('a build of a former version is not what is asked for', () => {
  expect(isSameDefinition(one, { ...one })).toBe(true);
  expect(isSameDefinition(one, { ...one, version: 2 })).toBe(false);
  expect(isSameDefinition(one, { ...one, zone: 'Asia/Tokyo' })).toBe(false);
  expect(isSameDefinition(one, undefined)).toBe(false);
});
