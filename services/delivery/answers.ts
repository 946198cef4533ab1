import {
  factsNeeded,
  prepare,
  type Audience,
  type FactsNeeded,
  type PersonFacts,
  type PreparedAudience,
} from '../../lib/audiences/index.ts';
import { zoneOrUtc } from '../../lib/time/index.ts';
import type { OpenQuestion } from './state.ts';

/** What the answers to questions depend on. */
export function factsNeededBy(questions: readonly OpenQuestion[]): FactsNeeded {
  const trees = new Set(questions.map(({ question }) => question.audience));
  return factsNeeded([...trees].map((tree) => JSON.parse(tree) as Audience));
}

/**
 * The answers to questions about people of one workspace, in the order of the questions: whether the person is in the
 * audience, anonymous or not. Somebody without facts, such as an erased person, is in none. Each tree is prepared once
 * for all questions with the same time.
 */
export function answersTo(questions: readonly OpenQuestion[], facts: ReadonlyMap<number, PersonFacts>): boolean[] {
  const prepared = new Map<string, PreparedAudience>();
  return questions.map(({ question: { audience, now, time_zone, person_id } }) => {
    const known = facts.get(person_id);
    if (known === undefined) return false;
    const key = `${now} ${time_zone} ${audience}`;
    let tree = prepared.get(key);
    if (tree === undefined) {
      tree = prepare(JSON.parse(audience) as Audience, {
        nowMs: now,
        zone: zoneOrUtc(time_zone),
        includeAnonymous: true,
      });
      prepared.set(key, tree);
    }
    return tree.matches(known);
  });
}
