import { prepare, prepareNextChange, type PersonFacts } from '../../lib/audiences/index.ts';
import type { JudgeAt } from './definition.ts';

/** The predicate of lib/audiences. */
export const judgeAt: JudgeAt<PersonFacts> = ({ audience, includeAnonymous, zone }, nowMs) => {
  const options = { nowMs, zone, includeAnonymous };
  const { matches } = prepare(audience, options);
  const nextChange = prepareNextChange(audience, options);
  return (facts) => ({ matches: matches(facts), nextMs: nextChange(facts) });
};
