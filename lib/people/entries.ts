import type { CartSnapshot, Consent } from '../../schemas/types.ts';
import { NO_ADDRESS, type CartAddresses } from './addresses.ts';

/**
 * The entries of the state; their bytes are in `entry-bytes.ts`. Times are Unix milliseconds, UTC. Lists are threaded through the entries
 * (each holds the name of the next), so that adding to a long one costs one small entry.
 */

/** The state of a workspace as a whole. */
export interface Workspace {
  nextPersonId: number;
  /** The newest identifier: the head of the list of all of them. */
  identifierHead: string;
}

/** A person's name or place of residence, and when it was recorded; '' with -Infinity if it never was. */
export interface Said {
  value: string;
  at: number;
}

/** What identifiers were seen on together: a cart, or the records with one set of identifiers. */
export interface Source {
  readonly key: string;
  /**
   * As of when the source came there, of a cart the id that it was emitted under last: follow the aliases. 0: nobody (a
   * record with nothing but junk).
   */
  person: number;
  /** `person` as it was stored: the id that the cart was emitted under before this record. */
  readonly formerPerson: number;
  /** In the order of arrival, each with the next source in that identifier's list. */
  identifiers: Carried[];
  /** How many full chunks of identifiers, the oldest, are kept as entries of their own. */
  identifierChunks: number;
  /**
   * For a person made of junk: the times that the index of that junk counts (`times.ts`), as of the entry. Null for
   * others.
   */
  counted: Counted | null;
  /** Smallest T; Infinity before the first. */
  firstAt: number;
  /** Largest T; -Infinity before the first. */
  lastAt: number;
  name: Said;
  timeZone: Said;
  snapshot: CartSnapshot | null;
  /** Of a cart. */
  addresses: CartAddresses;
  rows: Rows;
}

/** An identifier on a source, with the next source in the identifier's list. */
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
  /** How many full chunks are kept as entries of their own. */
  chunks: number;
  /** Largest occurred_at of all rows; -Infinity while there are none. */
  lastAt: number;
  /** Product lists that the rows below name by place. */
  lists: Buffer[];
  /** Encoded rows that are in no full chunk. */
  bytes: Buffer;
}

/** One identifier. */
export interface IdentifierEntry {
  readonly word: string;
  /** Whose it is: follow the aliases. Of junk: the person that is made of it. 0: nobody's. */
  person: number;
  consent: Consent | null;
  /** T of the record that gave the consent; -Infinity: none. */
  consentAt: number;
  /** By kind: the number of distinct values that it was seen together with. */
  seenWith: number[];
  /** The newest source that carries it. */
  sourceHead: string;
  /** The next in the workspace's list. */
  next: string;
}

/** One person, or a former one that has become another's alias. */
export interface Person {
  readonly id: number;
  /** For an alias: the person that it was merged into. 0 for a current person. */
  winner: number;
  /** For an alias: the next one in the list of its winner. */
  nextAlias: number;
  /** Of an alias: it was one anonymous cart, and nothing is asserted under it any more. */
  dissolved: boolean;
  aliasHead: number;
  aliasTail: number;
  /** Number of aliases; -1: unknown, in an entry of an earlier format (`aliasesOf` counts them). */
  aliases: number;
  /** Made of junk: carries one identifier that links nothing. */
  junk: boolean;
  /** Number of carts. */
  carts: number;
  /** The only source of a person without identifiers. */
  onlySource: string;
  firstAt: number;
  lastAt: number;
  name: Said;
  timeZone: Said;
  /** Those that are shown: sorted by word. The consent is the identifier's, repeated here. */
  identifiers: Shown[];
  /** How many there are besides, by kind and consent: see `moreIndexOf`. */
  more: number[];
  /** For junk: whether its sources are counted in the index of times. States of an earlier format do not have it. */
  indexed: boolean;
}

export interface Shown {
  word: string;
  consent: Consent | null;
}

export const NEVER_SAID: Readonly<Said> = { value: '', at: -Infinity };

export const CONSENTS: readonly (Consent | null)[] = [null, 'opted_in', 'opted_out'];

/** Where identifiers of a kind (its index in KINDS) with a consent are counted in `more`. */
export const moreIndexOf = (kind: number, consent: Consent | null): number =>
  kind * CONSENTS.length + CONSENTS.indexOf(consent);
export const noMore = (): number[] => Array<number>(4 * CONSENTS.length).fill(0);

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
    onlySource: '',
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NEVER_SAID,
    timeZone: NEVER_SAID,
    identifiers: [],
    more: noMore(),
    indexed: false,
  };
}

const NO_BYTES = Buffer.alloc(0);

export const noRows = (): Rows => ({ chunks: 0, lastAt: -Infinity, lists: [], bytes: NO_BYTES });

export function newSource(key: string, person = 0): Source {
  return {
    key,
    person,
    formerPerson: person,
    identifiers: [],
    identifierChunks: 0,
    counted: null,
    firstAt: Infinity,
    lastAt: -Infinity,
    name: NEVER_SAID,
    timeZone: NEVER_SAID,
    snapshot: null,
    addresses: { phone: NO_ADDRESS, email: NO_ADDRESS },
    rows: noRows(),
  };
}
