import type { CartSnapshot, Consent } from '../../schemas/types.ts';
import { NO_ADDRESS, type CartAddresses } from './addresses.ts';

/**
 * The entries of the state; their bytes are in `entry-bytes.ts`. Times are Unix milliseconds, UTC. Lists are linked lists
 * through the entries: each entry has the name of the next, so that adding to a long list costs one small entry.
 */

/** The state of a workspace as a whole. */
export interface Workspace {
  nextPersonId: number;
  /** The newest identifier: the head of the list of all of them. */
  identifierHead: string;
}

/** A name or a time zone with the time at which it was given; '' and -Infinity if none was given. */
export interface DatedText {
  value: string;
  at: number;
}

/** A carrier of identifiers, which are seen together on it: a cart, or the records with one set of identifiers. */
export interface Carrier {
  readonly key: string;
  /**
   * The id that a cart was emitted under last, or the person of the records when they were last assigned to one. That person
   * may have been merged into another: follow the aliases. 0: nobody (records whose identifiers are all junk).
   */
  person: number;
  /** The stored value of `person`: the id that the cart was emitted under before this record. */
  readonly formerPerson: number;
  /** In the order of arrival, each with the next carrier in that identifier's list. */
  identifiers: Carried[];
  /** The number of full chunks of identifiers (the oldest ones) that are stored as entries of their own. */
  identifierChunks: number;
  /**
   * The times of this carrier that the index of times counts (`times.ts`). Null unless the cart belongs to a person made of
   * junk.
   */
  counted: Counted | null;
  /** Smallest T; Infinity before the first. */
  firstAt: number;
  /** Largest T; -Infinity before the first. */
  lastAt: number;
  name: DatedText;
  timeZone: DatedText;
  snapshot: CartSnapshot | null;
  /** Empty for records. */
  addresses: CartAddresses;
  rows: Rows;
}

/** An identifier on a carrier, with the next carrier in the identifier's list. */
export interface Carried {
  word: string;
  next: string;
}

export interface Counted {
  word: string;
  firstAt: number;
  lastAt: number;
}

/**
 * The trait events of a cart, as last emitted. They are kept so that they can be emitted again when a person is split.
 */
export interface Rows {
  /** The number of full chunks that are stored as entries of their own. */
  chunks: number;
  /** Largest occurred_at of all rows; -Infinity while there are none. */
  lastAt: number;
  /** The product lists that the rows below refer to by index. */
  lists: Buffer[];
  /** Encoded rows that are in no full chunk. */
  bytes: Buffer;
}

/** An identifier and what is known about it. */
export interface IdentifierEntry {
  readonly word: string;
  /** Its person, or the person that is made of it if it is junk: follow the aliases. 0: it belongs to nobody. */
  person: number;
  consent: Consent | null;
  /** T of the record that gave the consent; -Infinity: none. */
  consentAt: number;
  /** The number of distinct values of each kind that it was seen with, in the order of KINDS. */
  seenWith: number[];
  /** The newest carrier that carries it. */
  carrierHead: string;
  /** The next (older) one in the list of all identifiers. */
  next: string;
  /** The previous (newer) one in that list; '' for the first, and in an entry of an earlier format. */
  previous: string;
  /** The link report has it; false in an entry of an earlier format. */
  reported: boolean;
  /** While changed link rules are applied in steps: whether it is junk is still decided as before the change. */
  unapplied: boolean;
}

/** A person, or an id that has become an alias of another person. */
export interface Person {
  readonly id: number;
  /** The person that an alias was merged into. 0 for a current person. */
  winner: number;
  /** The next alias in the list of the winner. */
  nextAlias: number;
  /** The alias was one anonymous cart, and nothing is asserted under it any more. */
  dissolved: boolean;
  aliasHead: number;
  aliasTail: number;
  /** The number of aliases; -1 if it is not known, in an entry of an earlier format (`aliasesOf` counts them). */
  aliases: number;
  /** The person is made of junk: its only identifier links nothing. */
  junk: boolean;
  /** The number of carts. */
  carts: number;
  /** The only carrier of a person without identifiers. */
  onlyCarrier: string;
  firstAt: number;
  lastAt: number;
  name: DatedText;
  timeZone: DatedText;
  /** The identifiers that the profile shows, sorted by word. Each has a copy of the identifier's consent. */
  identifiers: Shown[];
  /** The number of other identifiers by kind and consent: see `moreIndexOf`. */
  more: number[];
  /** For a person made of junk: its carriers are counted in the index of times. States of an earlier format have none. */
  indexed: boolean;
}

export interface Shown {
  word: string;
  consent: Consent | null;
}

export const NO_TEXT: Readonly<DatedText> = { value: '', at: -Infinity };

export const CONSENTS: readonly (Consent | null)[] = [null, 'opted_in', 'opted_out'];

/** The index in `more` at which identifiers of a kind (its index in KINDS) with a consent are counted. */
export const moreIndexOf = (kind: number, consent: Consent | null): number =>
  kind * CONSENTS.length + CONSENTS.indexOf(consent);
export const noMore = (): number[] => Array<number>(4 * CONSENTS.length).fill(0);

export const newIdentifier = (word: string, next: string): IdentifierEntry => ({
  word,
  person: 0,
  consent: null,
  consentAt: -Infinity,
  seenWith: [0, 0, 0, 0],
  carrierHead: '',
  next,
  previous: '',
  reported: false,
  unapplied: false,
});

export function newPerson(id: number): Person {
  return {
    id,
    winner: 0,
    nextAlias: 0,
    dissolved: false,
    aliasHead: 0,
    aliasTail: 0,
    aliases: 0,
    junk: false,
    carts: 0,
    onlyCarrier: '',
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NO_TEXT,
    timeZone: NO_TEXT,
    identifiers: [],
    more: noMore(),
    indexed: false,
  };
}

const NO_BYTES = Buffer.alloc(0);

export const noRows = (): Rows => ({ chunks: 0, lastAt: -Infinity, lists: [], bytes: NO_BYTES });

export function newCarrier(key: string, person = 0): Carrier {
  return {
    key,
    person,
    formerPerson: person,
    identifiers: [],
    identifierChunks: 0,
    counted: null,
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NO_TEXT,
    timeZone: NO_TEXT,
    snapshot: null,
    addresses: { phone: NO_ADDRESS, email: NO_ADDRESS },
    rows: noRows(),
  };
}
