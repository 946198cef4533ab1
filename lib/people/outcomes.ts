import { createHash } from 'node:crypto';
import type {
  Cart,
  CartSnapshot,
  Identifier,
  Outcome,
  Person as Profile,
  TraitChange,
  TraitEvent,
} from '../../schemas/types.ts';
import type { Person } from './entries.ts';
import type { MergedPerson } from './graph.ts';
import { identifierOf } from './keys.ts';

/** What the fold says, as records of the topic. */

/** What a record of the input stands for: when, by the log's clock, and where. */
export interface Cause {
  logTimeMs: number;
  /** In person-inputs. */
  offset: number;
}

type Said = Pick<Outcome, 'trait' | 'cart' | 'person' | 'merge'>;
const NOTHING: Said = { trait: null, cart: null, person: null, merge: null };

/** Makes the outcomes of one record of one workspace. */
export class OutcomeWriter {
  readonly outcomes: Outcome[] = [];
  readonly #workspace: string;
  readonly #cause: Cause;

  constructor(workspace: string, cause: Cause) {
    this.#workspace = workspace;
    this.#cause = cause;
  }

  merge(merge: MergedPerson): void {
    this.#say('merge', { ...NOTHING, merge: { loser: merge.loser, winner: merge.winner } });
  }

  person(person: Person): void {
    this.#say('person', { ...NOTHING, person: profileOf(person) });
  }

  cart(source: string, personId: number, snapshot: CartSnapshot): void {
    const cart: Cart = { cart_id: source, person_id: personId, ...snapshot };
    this.#say('cart', { ...NOTHING, cart });
  }

  trait(cartId: string, personId: number, change: TraitChange): void {
    this.#say('trait', { ...NOTHING, trait: traitEventOf(this.#workspace, cartId, personId, change) });
  }

  #say(kind: Outcome['kind'], said: Said): void {
    const { logTimeMs, offset } = this.#cause;
    this.outcomes.push({ kind, workspace: this.#workspace, log_time: logTimeMs, input_offset: offset, ...said });
  }
}

/** The whole profile. Times that nothing has given yet cannot occur: a person begins with a source. */
function profileOf(person: Person): Profile {
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
  };
}

/** 32 hex digits: the first half of a SHA-256 over what the trait event asserts. */
export function traitEventId(
  workspace: string,
  cartId: string,
  change: Pick<TraitChange, 'trait' | 'status'>,
  occurredAt: number,
): string {
  return createHash('sha256')
    .update(`${workspace}\n${change.trait}\n${occurredAt}\n${cartId.length}\n${cartId}${change.status}`)
    .digest('hex')
    .slice(0, 32);
}

function traitEventOf(workspace: string, cartId: string, personId: number, change: TraitChange): TraitEvent {
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
  };
}
