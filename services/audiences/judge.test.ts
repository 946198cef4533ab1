import { expect, it } from 'vitest';
import { judgeAt } from './judge.ts';
import { definition, personFacts, traitFacts } from './testing.ts';

const DAY_MS = 86_400_000;
const T0 = Date.UTC(2026, 2, 1, 12);

it('judges by days of UTC where the stored zone of the workspace is none', () => {
  const audience = { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 1, unit: 'days' } } as const;
  const target = definition('day', audience, { zone: 'PST' });
  expect(judgeAt(target, T0 + 1)(personFacts(1, [traitFacts('e', T0)]))).toEqual({
    matches: true,
    nextMs: T0 + DAY_MS + 1,
  });
});
