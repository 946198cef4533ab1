import {
  cartRows,
  personAliasRows,
  personCartRows,
  personRows,
  personTraitEventRows,
  traitEventRows,
} from '../../lib/clickhouse/schema.ts';
import type { LogVersion } from '../../lib/clickhouse/version.ts';
import type { ErasedCart, ErasedTraitEvent, PersonErasure } from '../../schemas/types.ts';
import type { Rows } from './block.ts';
import { NO_CART, NO_PROFILE, NO_TRAIT_EVENT } from './no-content.ts';
import { personId } from './person-id.ts';

/**
 * Adds what erases: for every row that is named a row without content, which replaces it and every older version that is
 * inserted again later, and the deletion of the older versions. People come first, so that no query sees a person with
 * a part of their carts. A later record has a higher version and is not affected.
 */
export function addErasure(rows: Rows, workspace: string, erasure: PersonErasure, version: LogVersion): void {
  rows.writePeopleFirst();
  const people = [...(erasure.person_id === null ? [] : [erasure.person_id]), ...erasure.former_ids].map(personId);
  for (const id of people) {
    // A person who was merged into themselves is shown by no reader, and an alias of an id to itself changes nothing.
    rows.add(personRows, { workspace, person_id: id, ...NO_PROFILE, merged_into: id, version });
  }
  for (const id of erasure.former_ids) {
    rows.add(personAliasRows, { workspace, loser: id, winner: id, merged_at: version.logTimeMs, version });
  }
  for (const cart of erasure.carts) addErasedCart(rows, workspace, cart, version);
  for (const event of erasure.trait_events) addErasedTraitEvent(rows, workspace, event, version);
  const carts = [...erasure.carts, ...erasure.trait_events].map(({ cart_id }) => cart_id);
  rows.erase(workspace, version, { carts, people, identifiers: [] });
}

function addErasedCart(rows: Rows, workspace: string, { cart_id, person_id }: ErasedCart, version: LogVersion): void {
  rows.add(cartRows, { workspace, cart_id, ...NO_CART, version });
  rows.add(personCartRows, { workspace, person_id: personId(person_id), cart_id, version, is_deleted: 1 });
}

function addErasedTraitEvent(rows: Rows, workspace: string, event: ErasedTraitEvent, version: LogVersion): void {
  const { event_id, cart_id, trait, status, occurred_at } = event;
  const row = {
    ...{ workspace, trait, status, occurred_at, cart_id, event_id, ...NO_TRAIT_EVENT, version },
    // Retracted when it was concluded: no reader counts it, for any moment.
    detected_at: version.logTimeMs,
    retracted_at: version.logTimeMs,
  };
  rows.addByMonth(traitEventRows, { ...row, person_id: 0 }, occurred_at);
  rows.add(personTraitEventRows, { ...row, person_id: personId(event.person_id), is_deleted: 1 });
}
