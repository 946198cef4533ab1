import type { Cart, TraitEvent } from '../../schemas/types.ts';

/** What conditions need of one person. All times are Unix milliseconds. */

/** A trait event, retracted or not. An outcome of the topic trait-events is one. */
export type TraitEventFacts = Pick<
  TraitEvent,
  | 'event_id'
  | 'trait'
  | 'status'
  | 'occurred_at'
  | 'detected_at'
  | 'retracted_at'
  | 'recovered_at'
  | 'cart_id'
  | 'store_id'
  | 'mode'
  | 'amount'
  | 'products'
  | 'anomaly'
  | 'reentered'
  | 'source'
>;

/** A cart in its current state. A cart of the topic trait-events is one. */
export type CartFacts = Pick<
  Cart,
  | 'cart_id'
  | 'status'
  | 'status_since'
  | 'store_id'
  | 'store_name'
  | 'mode'
  | 'amount'
  | 'products'
  | 'created_at'
  | 'last_activity_at'
  | 'last_event_at'
  | 'due_at'
  | 'abandoned_at'
  | 'recovered_at'
  | 'reservation_start_at'
  | 'first_status_at'
  | 'statuses'
>;

/** One person with merges applied: trait events and carts are those of the person and of everybody merged into them. */
export interface PersonFacts {
  personId: number;
  firstAtMs: number;
  anonymous: boolean;
  traitEvents: readonly TraitEventFacts[];
  carts: readonly CartFacts[];
}
