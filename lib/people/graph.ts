import { invariant } from '../bytes/index.ts';
import type { Consent, LinkReport } from '../../schemas/types.ts';
import type { Carrier, Counted, IdentifierEntry, Person } from './entries.ts';
import * as entries from './entries.ts';
import { EntryCache } from './entry-cache.ts';
import * as keys from './keys.ts';
import { absorbInto, addIdentifiers, addTo, hasLastTime } from './profile.ts';
import { isJunk, isSaturated, type Bounds, type LinkRules } from './rules.ts';
import { isReported, linkReportOf, linkReportRemoval } from './link-report.ts';
import { Markers } from './markers.ts';
import type { Scratch } from './scratch.ts';
import type { MergedPerson, PeopleStore } from './store.ts';
import { TimeIndex } from './times.ts';

/**
 * The graph of one workspace while one record is folded. It counts what is seen together and keeps profiles; its callers
 * decide who belongs to whom.
 */
export class Graph extends EntryCache {
  readonly rules: LinkRules;
  readonly merges: MergedPerson[] = [];
  private readonly moved = new Set<Carrier>();
  readonly markers: Markers;
  /** People whose profile has changed. */
  private readonly changed = new Set<Person>();
  /** The times of the carts of a person made of junk, by the junk identifier. */
  private readonly times = new Map<string, TimeIndex>();
  /** Junk whose times have changed. */
  private readonly retimed = new Set<string>();
  /** Identifiers whose record in the link report has changed. */
  private readonly rereported = new Set<string>();
  /** Reported identifiers that were deleted. */
  private readonly unreported = new Set<string>();
  private readonly bounds: Bounds;
  /** Identifiers that this record has made junk. */
  private readonly becameJunk = new Set<string>();
  /** Link rules are being applied: identifiers are marked. */
  isRelinking = false;

  constructor(store: PeopleStore, workspace: string, rules: LinkRules, bounds: Bounds, scratch: Scratch) {
    super(store, workspace, scratch);
    invariant(rules.limit <= bounds.highestLimit, 'no limit is higher than pairs are recorded for');
    this.markers = new Markers(store, workspace);
    this.rules = rules;
    this.bounds = bounds;
  }

  junk(word: string): boolean {
    const { seenWith, unapplied } = this.identifier(word);
    return isJunk(this.rules, word, seenWith) !== unapplied;
  }

  /**
   * Says which identifiers of a carrier were junk before this record, as far as the carrier alone shows it: with more than
   * `highestLimit` of another kind on one carrier, an identifier is saturated, and junk unless it is allowed. Without this,
   * each delivery of a cart would read the entries of all identifiers that the cart has ever had.
   */
  knownJunkOf({ identifiers }: Carrier): (word: string) => boolean {
    // A mark may differ from what the counts say.
    if (this.isRelinking) return () => false;
    const counts = [0, 0, 0, 0];
    for (const { word } of identifiers) counts[keys.kindIndexOf(word)]! += 1;
    const isFull = this.saturatedKinds(counts);
    return (word) =>
      isFull[keys.kindIndexOf(word)] === true && !this.rules.allow.has(word) && !this.becameJunk.has(word);
  }

  /** By kind, whether all its identifiers on a carrier with these counts are saturated. */
  saturatedKinds(counts: readonly number[]): boolean[] {
    const { highestLimit } = this.bounds;
    return counts.map((_, kind) => counts.some((count, other) => other !== kind && count > highestLimit));
  }

  override newPerson(): Person {
    const person = super.newPerson();
    this.changed.add(person);
    return person;
  }

  override deletePerson(person: Person): number[] {
    this.changed.delete(person);
    return super.deletePerson(person);
  }

  /** Shows and counts the identifiers of another person's profile in this one. */
  giveAll(person: Person, from: Person): void {
    from.more.forEach((count, index) => addTo(person.more, index, count));
    addIdentifiers(person, from.identifiers, this.bounds.shownOfKind);
    if (person.identifiers.length > 0) person.onlyCarrier = '';
    this.changed.add(person);
  }

  /**
   * Counts two identifiers of different kinds as seen together; returns those that became junk. All pairs of an
   * identifier are recorded until it is saturated, so its counts are exact; further pairs cannot change what it is.
   */
  seeTogether(one: string, other: string): string[] {
    if (this.isSaturated(one) && this.isSaturated(other)) return [];
    const key = keys.pairKey(this.workspace, one, other);
    if (this.store.get(key) !== undefined) return [];
    this.store.put(key, SEEN);
    const newJunk: string[] = [];
    if (this.countSeenWith(one, keys.kindIndexOf(other), 1)) newJunk.push(one);
    if (this.countSeenWith(other, keys.kindIndexOf(one), 1)) newJunk.push(other);
    return newJunk;
  }

  /** Saturates the identifier if it was seen with more distinct ones of a kind than any limit allows. True if now junk. */
  seeWithMany(word: string, counts: readonly number[]): boolean {
    if (this.isSaturated(word)) return false;
    const kind = counts.findIndex((count, of) => of !== keys.kindIndexOf(word) && count > this.bounds.highestLimit);
    if (kind < 0) return false;
    return this.countSeenWith(word, kind, this.bounds.highestLimit + 1);
  }

  /** Whether the identifier was seen with more others of a kind than any limit allows: further pairs are not recorded. */
  isSaturated(word: string): boolean {
    return isSaturated(this.bounds.highestLimit, word, this.identifier(word).seenWith);
  }

  /** Counts further identifiers of a kind, as far as any limit asks. True when that makes the identifier junk. */
  private countSeenWith(word: string, kind: number, more: number): boolean {
    const { seenWith } = this.identifier(word);
    if (this.isSaturated(word)) return false;
    const before = isJunk(this.rules, word, seenWith);
    seenWith[kind] = Math.min((seenWith[kind] ?? 0) + more, this.bounds.highestLimit + 1);
    this.rereported.add(word);
    if (before || !isJunk(this.rules, word, seenWith)) return false;
    this.becameJunk.add(word);
    return true;
  }

  /** Calls back for every pair of identifiers of different kinds that may have been recorded when this carrier got them. */
  forEachPair({ identifiers }: Carrier, onPair: (one: string, other: string) => void): void {
    const { highestLimit } = this.bounds;
    const byKind: string[][] = [[], [], [], []];
    for (const { word } of identifiers) {
      const own = keys.kindIndexOf(word);
      const rank = byKind[own]!.length;
      byKind.forEach((others, kind) => {
        // Both were saturated by then, so the pair was not recorded.
        if (kind === own || (rank > highestLimit && others.length > highestLimit)) return;
        for (const other of others) onPair(word, other);
      });
      byKind[own]!.push(word);
    }
  }

  override deleteIdentifiers(words: readonly string[]): void {
    for (const word of words) if (this.identifier(word).reported) this.unreported.add(word);
    super.deleteIdentifiers(words);
  }

  /** Marks an identifier whose record in the link report has changed for another reason than its counts. */
  report(word: string): void {
    this.identifier(word);
    this.rereported.add(word);
  }

  /** The changes of the link report. Call it once, before `flush`. */
  linkReports(): LinkReport[] {
    const { workspace, rules } = this;
    const reports: LinkReport[] = [];
    for (const word of this.unreported) reports.push(linkReportRemoval(workspace, rules, word));
    for (const entry of this.identifiers.values()) {
      const { word } = entry;
      const reported = isReported(rules, entry);
      if (reported && (!entry.reported || this.rereported.has(word)))
        reports.push(linkReportOf(workspace, rules, entry));
      else if (entry.reported && !reported) reports.push(linkReportRemoval(workspace, rules, word));
      entry.reported = reported;
    }
    return reports;
  }

  /** Puts an identifier into a person's profile. */
  give(person: Person, word: string): void {
    const { consent } = this.identifier(word);
    addIdentifiers(person, [{ word, consent }], this.bounds.shownOfKind);
    person.onlyCarrier = '';
    this.changed.add(person);
  }

  /** Sets an identifier's consent, also in the profile that it belongs to. */
  setConsent(entry: IdentifierEntry, consent: Consent, at: number): void {
    const before = entry.consent;
    entry.consent = consent;
    entry.consentAt = at;
    if (entry.person === 0 || consent === before) return;
    const person = this.personOf(entry.person);
    const shown = person.identifiers.find(({ word }) => word === entry.word);
    if (shown !== undefined) shown.consent = consent;
    else {
      const kind = keys.kindIndexOf(entry.word);
      addTo(person.more, entries.moreIndexOf(kind, before), -1);
      addTo(person.more, entries.moreIndexOf(kind, consent), 1);
    }
    this.changed.add(person);
  }

  /** Adds the times and names of a carrier to its person's profile. */
  absorb(person: Person, from: Carrier | Person): void {
    if (absorbInto(person, from)) this.changed.add(person);
  }

  /** Clears a profile before it is filled again. */
  clear(person: Person): void {
    const blank = entries.newPerson(person.id);
    const { aliasHead, aliasTail, aliases } = person;
    Object.assign(person, { ...blank, aliasHead, aliasTail, aliases });
    this.changed.add(person);
  }

  /** A person made of junk has no name, and no other identifier. */
  makeJunk(person: Person, word: string): void {
    person.junk = true;
    person.indexed = true;
    person.identifiers = [];
    person.more = entries.noMore();
    person.name = entries.NO_TEXT;
    person.timeZone = entries.NO_TEXT;
    this.give(person, word);
  }

  /** Updates the times of people made of junk to their current carts. Call it after parting, before profiles are emitted. */
  countTimes(): void {
    for (const carrier of this.carriers.values()) {
      const person = carrier.person === 0 ? undefined : this.personOf(carrier.person);
      const word = person?.junk === true ? (person.identifiers[0]?.word ?? '') : '';
      const { counted, firstAt, lastAt } = carrier;
      if (counted === null ? word === '' : isSame(counted, word, carrier)) continue;
      this.uncountTimes(carrier);
      if (word === '') continue;
      carrier.counted = { word, firstAt, lastAt };
      this.timesOf(word).count(firstAt, 1);
      this.timesOf(word).count(lastAt, 1);
      this.retimed.add(word);
    }
    for (const word of this.retimed) this.takeTimes(word);
    this.retimed.clear();
  }

  /** Removes the times of a carrier from the index that counts them. */
  uncountTimes(carrier: Carrier): void {
    const { counted } = carrier;
    if (counted === null) return;
    this.timesOf(counted.word).count(counted.firstAt, -1);
    this.timesOf(counted.word).count(counted.lastAt, -1);
    this.retimed.add(counted.word);
    carrier.counted = null;
  }

  private takeTimes(word: string): void {
    const id = this.knownIdentifier(word)?.person ?? 0;
    const person = id === 0 ? undefined : this.personOf(id);
    const times = this.timesOf(word);
    const firstAt = times.first();
    const lastAt = times.last();
    if (person?.junk !== true || firstAt === undefined || lastAt === undefined) return;
    const isKnown =
      person.firstAt === firstAt &&
      (person.lastAt === lastAt || (person.lastAt < lastAt && this.isTimeOfCart(word, lastAt)));
    person.firstAt = firstAt;
    person.lastAt = lastAt;
    if (!isKnown) this.changed.add(person);
  }

  /** Whether a cart of the person made of this junk is emitted with this time. */
  private isTimeOfCart(word: string, lastAt: number): boolean {
    return [...this.carriers.values()].some(
      (carrier) => carrier.counted?.word === word && carrier.lastAt === lastAt && hasLastTime(carrier),
    );
  }

  /** Marks carriers that have left the person under whose id they were emitted. */
  noteMoved(carriers: readonly Carrier[]): void {
    for (const carrier of carriers) this.moved.add(carrier);
  }

  /** Carts that belong to another person now, but not because their person was merged into that one. */
  partedCarts(): Carrier[] {
    return [...this.moved].filter(({ key, person, formerPerson: former }) => {
      if (!keys.isCart(key) || person === 0 || former === 0) return false;
      return !this.isPerson(former) || this.personOf(former).id !== this.personOf(person).id;
    });
  }

  /** Marks the profile to be emitted again. */
  touch(person: Person): void {
    this.changed.add(person);
  }

  /** Current people whose profile has changed, by id. */
  changedPeople(): Person[] {
    const people = [...this.changed].filter((person) => person.winner === 0);
    return people.length > 1 ? people.sort((a, b) => a.id - b.id) : people;
  }

  override flush(): void {
    for (const index of this.times.values()) index.flush();
    super.flush();
  }

  private timesOf(word: string): TimeIndex {
    let index = this.times.get(word);
    if (index === undefined) {
      const key = (path: string): string => keys.timesKey(this.workspace, path, word);
      const nodes = {
        get: (path: string) => this.store.get(key(path)),
        put: (path: string, value: Buffer) => this.store.put(key(path), value),
        delete: (path: string) => this.store.delete(key(path)),
      };
      index = new TimeIndex(nodes, this.scratch.entry, this.subject('an index of times'));
      this.times.set(word, index);
    }
    return index;
  }
}

const isSame = (counted: Counted, word: string, { firstAt, lastAt }: Carrier): boolean =>
  counted.word === word && counted.firstAt === firstAt && counted.lastAt === lastAt;

const SEEN = Buffer.from([1]);
