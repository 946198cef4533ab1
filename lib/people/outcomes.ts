import { hash } from 'node:crypto';
import type {
  Cart,
  CartSnapshot,
  ErasedTraitEvent,
  Identifier,
  LinkReport,
  MoreIdentifiers,
  Outcome,
  Person as Profile,
  PersonErasure,
  TraitChange,
  TraitEvent,
} from '../../schemas/types.ts';
import { addressOrNull, type CartAddresses } from './addresses.ts';
import { CONSENTS, moreIndexOf, type Person, type Carrier } from './entries.ts';
import type { Erased } from './erasure.ts';
import type { MergedPerson } from './store.ts';
import { cartIdOf, identifierOf, KINDS } from './keys.ts';

/** The outcomes of the fold, as records of `trait-events`. */

/** The cause of outcomes: log time and offset of the input record. */
export interface Cause {
  logTimeMs: number;
  /** In person-inputs. */
  offset: number;
}

/** Collects the outcomes of one record of one workspace. */
export class OutcomeWriter {
  readonly outcomes: Outcome[] = [];
  private readonly workspace: string;
  private readonly cause: Cause;

  constructor(workspace: string, cause: Cause) {
    this.workspace = workspace;
    this.cause = cause;
  }

  merge({ loser, winner, dissolved }: MergedPerson): void {
    this.new('merge').merge = { loser, winner, dissolved };
  }

  person(person: Person): void {
    this.new('person').person = profileOf(person);
  }

  /** Adds a cart, under the person of its carrier. */
  cart({ key, person, snapshot, addresses, formerPerson }: Carrier): void {
    if (snapshot === null) return;
    const cart = cartOf(cartIdOf(key), person, snapshot, addresses);
    cart.moved_from = movedFrom(person, formerPerson);
    this.new('cart').cart = cart;
  }

  /** Adds a trait event. `formerId`: the person that it was emitted under before; 0: none. */
  trait({ key, addresses }: Carrier, personId: number, change: TraitChange, formerId: number): void {
    const trait = traitEventOf(this.workspace, { cart_id: cartIdOf(key), person_id: personId }, change);
    trait.cart_phone = addressOrNull(addresses.phone);
    trait.cart_email = addressOrNull(addresses.email);
    trait.moved_from = movedFrom(personId, formerId);
    this.new('trait').trait = trait;
  }

  /** Adds what was erased, in records of a bounded size. */
  erasure({ people, carts }: Erased): void {
    for (const { id, aliases } of people) {
      chunksOf(aliases, () => ERASED_NUMBER_BYTES).forEach((former_ids, i) => {
        this.erasureRecord({ person_id: i === 0 ? id : null, former_ids });
      });
    }
    const erasedCarts = carts.map(({ cartId, personId }) => ({ cart_id: cartId, person_id: personId }));
    const traitEvents = carts.flatMap(({ cartId, personId, rows }) =>
      rows.map((row) => ({
        event_id: traitEventId(this.workspace, cartId, row, row.occurred_at),
        person_id: row.person || personId,
        cart_id: cartId,
        trait: row.trait,
        status: row.status,
        occurred_at: row.occurred_at,
      })),
    );
    for (const chunk of nonEmptyChunks(erasedCarts, ({ cart_id }) => 3 * cart_id.length + ERASED_NUMBER_BYTES)) {
      this.erasureRecord({ carts: chunk });
    }
    const bytesOf = ({ cart_id, status }: ErasedTraitEvent): number => 3 * (cart_id.length + status.length) + 64;
    for (const chunk of nonEmptyChunks(traitEvents, bytesOf)) this.erasureRecord({ trait_events: chunk });
  }

  linkReport(report: LinkReport): void {
    this.new('link_report').link_report = report;
  }

  private erasureRecord(erased: Partial<PersonErasure>): void {
    this.new('erasure').erasure = { person_id: null, former_ids: [], carts: [], trait_events: [], ...erased };
  }

  private new(kind: Outcome['kind']): Outcome {
    const outcome: Outcome = {
      kind,
      workspace: this.workspace,
      log_time: this.cause.logTimeMs,
      input_offset: this.cause.offset,
      trait: null,
      cart: null,
      person: null,
      merge: null,
      erasure: null,
      link_report: null,
    };
    this.outcomes.push(outcome);
    return outcome;
  }
}

/** The maximum size of an erasure's record, roughly. */
const ERASURE_BYTES = 256 * 1024;
const ERASED_NUMBER_BYTES = 8;

/** Cuts a list into chunks of a bounded size; an empty list is one empty chunk. */
function chunksOf<T>(all: readonly T[], bytesOf: (one: T) => number): T[][] {
  const chunks: T[][] = [[]];
  let bytes = 0;
  for (const one of all) {
    bytes += bytesOf(one);
    if (bytes > ERASURE_BYTES && chunks.at(-1)!.length > 0) {
      chunks.push([]);
      bytes = bytesOf(one);
    }
    chunks.at(-1)!.push(one);
  }
  return chunks;
}

const nonEmptyChunks = <T>(all: readonly T[], bytesOf: (one: T) => number): T[][] =>
  all.length === 0 ? [] : chunksOf(all, bytesOf);

const movedFrom = (personId: number, formerId: number): number | null =>
  formerId === 0 || formerId === personId ? null : formerId;

export function cartOf(cartId: string, personId: number, snapshot: CartSnapshot, addresses: CartAddresses): Cart {
  return {
    cart_id: cartId,
    person_id: personId,
    status: snapshot.status,
    status_since: snapshot.status_since,
    store_id: snapshot.store_id,
    mode: snapshot.mode,
    amount: snapshot.amount,
    created_at: snapshot.created_at,
    last_activity_at: snapshot.last_activity_at,
    due_at: snapshot.due_at,
    abandoned_at: snapshot.abandoned_at,
    recovered_at: snapshot.recovered_at,
    reservation_start_at: snapshot.reservation_start_at,
    products: snapshot.products,
    store_name: snapshot.store_name,
    last_event_at: snapshot.last_event_at,
    first_status_at: snapshot.first_status_at,
    statuses: snapshot.statuses,
    phone: addressOrNull(addresses.phone),
    email: addressOrNull(addresses.email),
    moved_from: null,
  };
}

/** The whole profile. It always has times, because a person begins with a carrier. */
export function profileOf(person: Person): Profile {
  return {
    person_id: person.id,
    anonymous: person.junk || person.identifiers.length === 0,
    name: person.name.value === '' ? null : person.name.value,
    time_zone: person.timeZone.value === '' ? null : person.timeZone.value,
    first_at: person.firstAt,
    last_at: Number.isFinite(person.lastAt) ? person.lastAt : person.firstAt,
    identifiers: person.identifiers.map(({ word, consent }) => {
      const identifier: Identifier = identifierOf(word);
      return { kind: identifier.kind, value: identifier.value, consent };
    }),
    more_identifiers: moreOf(person.more),
  };
}

/** The identifiers that the profile only counts: mostly none. */
function moreOf(counts: readonly number[]): MoreIdentifiers[] {
  if (counts.every((count) => count === 0)) return [];
  return KINDS.flatMap((kind, index) =>
    CONSENTS.flatMap((consent) => {
      const count = counts[moreIndexOf(index, consent)] ?? 0;
      return count === 0 ? [] : [{ kind, consent, count }];
    }),
  );
}

/** 32 hex digits: the first half of a SHA-256 over what the trait event asserts. */
export function traitEventId(
  workspace: string,
  cartId: string,
  change: Pick<TraitChange, 'trait' | 'status'>,
  occurredAt: number,
): string {
  const assertion = `${workspace}\n${change.trait}\n${occurredAt}\n${cartId.length}\n${cartId}${change.status}`;
  return hash('sha256', assertion, 'hex').slice(0, 32);
}

/** The trait event that a change of this cart asserts, without the addresses of the cart. */
export function traitEventOf(
  workspace: string,
  { cart_id: cartId, person_id: personId }: Pick<Cart, 'cart_id' | 'person_id'>,
  change: TraitChange,
): TraitEvent {
  return {
    event_id: traitEventId(workspace, cartId, change, change.occurred_at),
    op: change.op,
    person_id: personId,
    cart_id: cartId,
    trait: change.trait,
    status: change.status,
    occurred_at: change.occurred_at,
    detected_at: change.detected_at,
    retracted_at: change.retracted_at,
    recovered_at: change.recovered_at,
    source: change.source,
    previous_status: change.previous_status,
    reentered: change.reentered,
    anomaly: change.anomaly,
    store_id: change.store_id,
    mode: change.mode,
    amount: change.amount,
    products: change.products,
    beyond_horizon: change.beyond_horizon,
    replaces: change.replaces === null ? null : traitEventId(workspace, cartId, change, change.replaces),
    last_activity_at: change.last_activity_at,
    cart_phone: null,
    cart_email: null,
    moved_from: null,
  };
}
