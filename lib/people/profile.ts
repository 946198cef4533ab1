import { moreIndexOf, type Person, type DatedText, type Shown, type Carrier } from './entries.ts';
import { kindIndexOf } from './keys.ts';

/** The profile of a person, made of what is known from their carts and records. */

/**
 * Maximum number of identifiers of one kind that a profile shows: the first ones, after a merge those of the winner
 * before those of the loser. The others link and count all the same. The limit bounds the size of a record for any
 * input.
 */
export const SHOWN_OF_KIND = 50;

/**
 * Adds the times and names of a carrier or of a merged person. True if the profile must be emitted. A person made of junk has
 * no name.
 */
export function absorbInto(person: Person, from: Carrier | Person): boolean {
  const { firstAt, lastAt, name, timeZone } = person;
  person.firstAt = Math.min(firstAt, from.firstAt);
  person.lastAt = Math.max(lastAt, from.lastAt);
  if (!person.junk) {
    person.name = laterText(name, from.name);
    person.timeZone = laterText(timeZone, from.timeZone);
  }
  return (
    person.firstAt !== firstAt ||
    (person.lastAt !== lastAt && !('snapshot' in from && hasLastTime(from))) ||
    person.name.value !== name.value ||
    person.timeZone.value !== timeZone.value
  );
}

/**
 * Whether the cart is emitted with the latest time at which it was seen. Readers take the greatest of this time and of the
 * one in the profile, so the profile need not be emitted for its sake.
 */
export const hasLastTime = ({ snapshot, lastAt }: Carrier): boolean => (snapshot?.last_event_at ?? -Infinity) >= lastAt;

/** Shows the identifiers as far as there is room, and counts the others. */
export function addIdentifiers(person: Person, added: readonly Shown[], shownOfKind: number): void {
  const known = new Set(person.identifiers.map(({ word }) => word));
  const counts = [0, 0, 0, 0];
  for (const { word } of person.identifiers) addTo(counts, kindIndexOf(word), 1);
  const fresh: Shown[] = [];
  for (const identifier of added) {
    if (known.has(identifier.word)) continue;
    const kind = kindIndexOf(identifier.word);
    if ((counts[kind] ?? 0) >= shownOfKind) addTo(person.more, moreIndexOf(kind, identifier.consent), 1);
    else fresh.push(identifier);
    addTo(counts, kind, 1);
  }
  if (fresh.length === 0) return;
  person.identifiers = [...person.identifiers, ...fresh].sort((a, b) => (a.word < b.word ? -1 : 1));
}

export function addTo(counts: number[], index: number, by: number): void {
  counts[index] = (counts[index] ?? 0) + by;
}

/** The later of two; at the same time the smaller text, so that the order of arrival does not matter. */
export function laterText(one: DatedText, other: DatedText): DatedText {
  if (one.at !== other.at) return one.at > other.at ? one : other;
  return one.value <= other.value ? one : other;
}
