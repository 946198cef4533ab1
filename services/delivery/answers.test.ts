import { expect, it } from 'vitest';
import type { PersonFacts } from '../../lib/audiences/index.ts';
import { answersTo } from './answers.ts';
import { flowQuestion } from './testing.ts';

const NOW = Date.UTC(2026, 2, 2, 12);
const PERSON: PersonFacts = {
  personId: 1,
  firstAtMs: Date.UTC(2026, 2, 1),
  anonymous: false,
  traitEvents: [],
  carts: [],
};

it('takes days for those of UTC where the question names no zone, as that of a workspace from before they were checked', () => {
  const audience = JSON.stringify({
    not: { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 1, unit: 'days' } },
  });
  const question = { ...flowQuestion('q', 1, NOW), audience, time_zone: 'PST' };
  expect(answersTo([{ workspace: 'acme', question }], new Map([[1, PERSON]]))).toEqual([true]);
});
