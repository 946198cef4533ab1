import type { CartEvent, CartSnapshot, CartUpdate, DeadLetter, PersonInput, TraitChange } from '../../schemas/types.ts';
import type { Codec } from '../../lib/avro/index.ts';
import { DamagedStateError } from '../../lib/bytes/index.ts';
import {
  Scratch,
  concludeDue,
  dueOf,
  foldCart,
  orderBytesOf,
  snapshotOf,
  splitChanges,
  type Folded,
} from '../../lib/carts/index.ts';
import { deadLetterId } from '../../lib/jane/keys.ts';
import { identifierList } from '../../lib/people/identifiers.ts';
import type { Context, Topology } from '../../lib/streams/index.ts';
import { cartKey, TOPICS } from '../../lib/topics.ts';

export interface CartsCodecs {
  cartEvents: Codec<CartEvent>;
  personInputs: Codec<PersonInput>;
  deadLetters: Codec<DeadLetter>;
}

export interface CartsOptions {
  /** How long a cart is remembered after its last arrival. */
  horizonMs: number;
}

/**
 * The life of carts: deliveries are the input, their consequences for traits and people the output. The state holds one
 * entry per cart, with the key `workspace:cart`.
 */
export function cartsTopology(codecs: CartsCodecs, { horizonMs }: CartsOptions): Topology<CartEvent> {
  // A topology folds one record at a time.
  const scratch = new Scratch();
  return {
    name: 'carts',
    input: {
      topic: TOPICS.cartEvents,
      decode: (value) => codecs.cartEvents.decode(value),
      clock: (event) => ({ producerClockMs: event.received_at }),
    },
    outputs: [TOPICS.personInputs, TOPICS.deadLetters],
    state: { dueOf: (value) => dueOf(value, horizonMs, scratch) },
    tick: { encode: (nowMs) => ({ key: '', value: codecs.cartEvents.encode(tickAt(nowMs)) }) },
    process({ value: event }, context) {
      // A tick has no other effect than advancing log time.
      if (event.kind === 'tick') return;
      const { workspace, cart_id } = event;
      const key = cartKey(workspace, cart_id);
      const before = context.store.get(key);
      const { state, result, overfull, changes } = reading(key, () =>
        foldCart(before, event, context.logTimeMs, horizonMs, scratch),
      );
      if (state !== before) context.store.put(key, state);
      if (result === 'event') {
        const { occurred_at, name } = event;
        const identifiers = identifierList(event);
        const update = {
          cart_id,
          occurred_at,
          event_order: orderBytesOf(event),
          identifiers,
          name,
          changes,
          snapshot: snapshotOf(state, scratch, event),
        };
        emitPersonInput(codecs, context, workspace, event.received_at, update);
        return;
      }
      if (changes.length > 0) emitConclusions(codecs, context, key, changes, snapshotOf(state, scratch));
      if (overfull !== null) writeDeadLetter(codecs, context, event, overfull);
    },
    onDue(key, context) {
      const before = context.store.get(key);
      if (before === undefined) return;
      const { state, changes } = reading(key, () => concludeDue(before, context.logTimeMs, horizonMs, scratch));
      context.store.put(key, state);
      if (changes.length > 0) emitConclusions(codecs, context, key, changes, snapshotOf(state, scratch));
    },
  };
}

/** Folds a cart; a damaged state is reported with the name of the cart. */
function reading<T>(key: string, fold: () => T): T {
  try {
    return fold();
  } catch (error) {
    throw error instanceof DamagedStateError ? error.of(`the state of cart ${key}`) : error;
  }
}

/** Emits what a deadline has concluded, without any event. */
function emitConclusions(
  codecs: CartsCodecs,
  context: Context,
  key: string,
  changes: TraitChange[],
  snapshot: CartSnapshot,
): void {
  // The id of a workspace holds no colon.
  const colon = key.indexOf(':');
  const update = {
    cart_id: key.slice(colon + 1),
    ...NO_EVENT,
    changes,
    snapshot,
  };
  emitPersonInput(codecs, context, key.slice(0, colon), context.logTimeMs, update);
}

/** What an update that no event caused has instead. */
const NO_EVENT = { occurred_at: null, event_order: null, identifiers: [], name: null };

/**
 * Emits one record, or several if one would be too large: a late event may change 2,000 trait events. The first record has
 * the identifiers and the time of the event; the others have only changes, like conclusions.
 */
function emitPersonInput(
  codecs: CartsCodecs,
  context: Context,
  workspace: string,
  receivedAt: number,
  update: Omit<CartUpdate, 'part' | 'parts'>,
): void {
  const batches = splitChanges(update.changes);
  batches.forEach((changes, part) => {
    const of = { changes, part, parts: batches.length };
    const cart = part === 0 ? { ...update, ...of } : { ...update, ...NO_EVENT, ...of };
    const input: PersonInput = {
      kind: 'cart',
      workspace,
      log_time: context.logTimeMs,
      received_at: receivedAt,
      cart,
      record: null,
      erasure: null,
      link_rules: null,
      command: null,
      settings: null,
      code_pool: null,
    };
    context.forward(TOPICS.personInputs, workspace, codecs.personInputs.encode(input));
  });
}

/** Why a delivery is not accepted, by the limit that the cart would exceed. */
const OVERFULL_MESSAGES: Record<NonNullable<Folded['overfull']>, string> = {
  events: 'has had 2,000 events, the maximum: this one was not accepted.',
  size: 'has named more different products and lists of them than can be stored: this event was not accepted. An event without products, or with products that the cart has named before, still is.',
};

/** Writes a delivery of a full cart to the dead letters. When it is sent again, it is the same dead letter. */
function writeDeadLetter(
  codecs: CartsCodecs,
  context: Context,
  event: CartEvent,
  overfull: NonNullable<Folded['overfull']>,
): void {
  const { workspace, cart_id, kind, source, subscription_id, request_at } = event;
  const letter: DeadLetter = {
    dead_letter_id: deadLetterId(['carts', workspace, cart_id, kind, source, subscription_id, request_at], event.body),
    workspace,
    source: source === 'webhook' ? 'webhook' : 'events',
    subscription_id,
    reason: 'cart_overfull',
    message: `Cart ${cart_id} ${OVERFULL_MESSAGES[overfull]}`,
    line: null,
    received_at: event.received_at,
    request_at,
    body: event.body,
    body_truncated: false,
  };
  context.forward(TOPICS.deadLetters, subscription_id ?? letter.source, codecs.deadLetters.encode(letter));
}

/** Says what time it is, and nothing about any cart. */
export function tickAt(nowMs: number): CartEvent {
  return {
    kind: 'tick',
    source: 'tick',
    workspace: '',
    cart_id: '',
    subscription_id: null,
    event_id: '',
    event_key: Buffer.alloc(16),
    occurred_at: nowMs,
    occurred_at_source: 'given',
    clamped: false,
    received_at: nowMs,
    request_at: null,
    abandonment_window_ms: 0,
    grace_ms: 0,
    retry_horizon_ms: 0,
    status: null,
    emptying: false,
    store_id: null,
    store_name: null,
    mode: null,
    amount: null,
    products: null,
    cart_created_at: null,
    reservation_start_at: null,
    user_id: null,
    external_source: null,
    external_id: null,
    phone: null,
    email: null,
    unread_phone: null,
    unread_email: null,
    name: null,
    body: Buffer.alloc(0),
  };
}
