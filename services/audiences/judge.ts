import { prepare, prepareNextChange, type PersonFacts } from '../../lib/audiences/index.ts';
import { zoneOrUtc } from '../../lib/time/index.ts';
import type { JudgeAt } from './definition.ts';

/** The predicate of lib/audiences. An invalid zone, stored before zones were checked, must not stop the partition. */
export const judgeAt: JudgeAt<PersonFacts> = ({ audience, includeAnonymous, zone }, nowMs) => {
  const options = { nowMs, zone: zoneOrUtc(zone), includeAnonymous };
  const { matches } = prepare(audience, options);
  const nextChange = prepareNextChange(audience, options);
  return (facts) => ({ matches: matches(facts), nextMs: nextChange(facts) });
};
