import { nextChange, prepare, type PersonFacts } from '../../lib/audiences/index.ts';
import type { JudgeAt } from './definition.ts';

/** The predicate of lib/audiences. */
export const judgeAt: JudgeAt<PersonFacts> = ({ audience, includeAnonymous, zone }, nowMs) => {
  const options = { nowMs, zone, includeAnonymous };
  const prepared = prepare(audience, options);
  return (facts) => ({ matches: prepared.matches(facts), nextMs: nextChange(audience, facts, options) });
};
