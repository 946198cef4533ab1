import { createHash } from 'node:crypto';
import { ByteReader, ByteWriter } from '../bytes/index.ts';
import type { TraitChange } from '../../schemas/types.ts';
import { markerKey } from './keys.ts';
import { traitEventId } from './outcomes.ts';
import type { PeopleStore } from './store.ts';

/**
 * What remains of erased carts and identifiers, so that they do not come back: up to which time of receipt they are
 * erased, and for a cart which trait events it had. Identifiers and trait events are stored as hashes.
 */
export class Markers {
  private readonly store: PeopleStore;
  private readonly workspace: string;

  constructor(store: PeopleStore, workspace: string) {
    this.store = store;
    this.workspace = workspace;
  }

  /** Nothing was ever erased: no other look-up is needed. */
  get isEmpty(): boolean {
    return this.store.get(this.key('')) === undefined;
  }

  /** Whether anything is erased that was received at this time. It saves the look-ups of identifiers in the usual case. */
  concern(receivedAt: number): boolean {
    return receivedAt <= this.through('');
  }

  /** The latest time of receipt up to which the identifier is erased; -Infinity if it never was. */
  identifierThrough(word: string): number {
    return this.through(this.identifierName(word));
  }

  eraseIdentifier(word: string, throughMs: number): void {
    this.raise(this.identifierName(word), throughMs);
  }

  /** The marker of a cart; undefined if it was never erased. */
  cart(cartId: string): CartMarker | undefined {
    const value = this.store.get(this.key(`c${cartId}`));
    if (value === undefined) return undefined;
    const reader = this.readerOf(value);
    const throughMs = reader.unsigned();
    const traitEvents = new Set<string>();
    for (let left = reader.unsigned(); left > 0; left--) traitEvents.add(reader.block().toString('hex'));
    reader.expectEnd();
    return { throughMs, traitEvents };
  }

  /** Marks a cart as erased with these trait events, in addition to those of an earlier erasure. */
  eraseCart(cartId: string, throughMs: number, changes: readonly Assertion[]): void {
    const marker = this.cart(cartId) ?? { throughMs: 0, traitEvents: new Set<string>() };
    const size = marker.traitEvents.size;
    for (const change of changes) marker.traitEvents.add(this.assertionHash(cartId, change));
    this.raise('', throughMs);
    if (marker.throughMs >= throughMs && marker.traitEvents.size === size && size > 0) return;
    const writer = new ByteWriter();
    writer.byte(FORMAT);
    writer.unsigned(Math.max(marker.throughMs, throughMs));
    writer.unsigned(marker.traitEvents.size);
    for (const hash of marker.traitEvents) writer.block(Buffer.from(hash, 'hex'));
    this.store.put(this.key(`c${cartId}`), writer.take());
  }

  /** Whether the trait event was erased. */
  has(marker: CartMarker, cartId: string, change: Assertion): boolean {
    return marker.traitEvents.has(this.assertionHash(cartId, change));
  }

  private assertionHash(cartId: string, change: Assertion): string {
    return traitEventId(this.workspace, cartId, change, change.occurred_at).slice(0, HASH_DIGITS);
  }

  private identifierName(word: string): string {
    const hash = createHash('sha256').update(`${this.workspace}\n${word}`).digest('base64url');
    return `i${hash.slice(0, IDENTIFIER_HASH_CHARACTERS)}`;
  }

  private raise(name: string, throughMs: number): void {
    if (this.through(name) >= throughMs) return;
    const writer = new ByteWriter(16);
    writer.byte(FORMAT);
    writer.unsigned(throughMs);
    this.store.put(this.key(name), writer.take());
    if (name !== '') this.raise('', throughMs);
  }

  private through(name: string): number {
    const value = this.store.get(this.key(name));
    if (value === undefined) return -Infinity;
    const reader = this.readerOf(value);
    const throughMs = reader.unsigned();
    reader.expectEnd();
    return throughMs;
  }

  private key(name: string): string {
    return markerKey(this.workspace, name);
  }

  private readerOf(value: Buffer): ByteReader {
    const reader = new ByteReader(value, `a marker of an erasure in workspace ${this.workspace}`);
    if (reader.byte() !== FORMAT) reader.fail(`the format ${FORMAT}`, 0);
    return reader;
  }
}

export interface CartMarker {
  /** Deliveries that were received up to this time are erased, Unix milliseconds. */
  throughMs: number;
  /** Hashes of the trait events that were erased. */
  traitEvents: Set<string>;
}

/** What a trait event of a cart asserts. */
export type Assertion = Pick<TraitChange, 'trait' | 'status' | 'occurred_at'>;

/** Identifies the assertion within its cart. */
export const assertionOf = ({ trait, status, occurred_at }: Assertion): string => `${occurred_at}${trait}${status}`;

const FORMAT = 1;
/** Eight bytes: a cart has at most some thousands of trait events. */
const HASH_DIGITS = 16;
const IDENTIFIER_HASH_CHARACTERS = 22;
