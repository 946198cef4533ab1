import type { Person, TraitEvent } from '../data/api.ts';

/** What a person is called: the name, else the first identifier, else the id. */
export function titleOf(person: Pick<Person, 'person_id' | 'name' | 'anonymous' | 'identifiers'>): string {
  const { phones, emails } = person.identifiers;
  if (person.name !== null) return person.name;
  const contact = emails[0]?.value ?? phones[0]?.value;
  if (contact !== undefined && !person.anonymous) return contact;
  return person.anonymous ? `Anonymous person ${person.person_id}` : `Person ${person.person_id}`;
}

/** The people of these events, each with their latest one; `events` are newest first. */
export function latestPeople(events: readonly TraitEvent[], max: number): TraitEvent[] {
  const seen = new Set<string>();
  return events
    .filter(({ person_id }) => {
      const isNew = !seen.has(person_id);
      seen.add(person_id);
      return isNew;
    })
    .slice(0, max);
}

/** What is typed to confirm that a person is erased. */
export const erasePhrase = (personId: string): string => `erase ${personId}`;
