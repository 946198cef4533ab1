import { z } from '@hono/zod-openapi';
import { FROM_CARTS_OF_IDS, TRAIT_EVENTS_OF_IDS } from '../../lib/clickhouse/person-facts.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { Rows } from './database.ts';
import { instant } from './schemas.ts';

/** Rows as the routes return them, with the columns to select. Person ids are decimal strings. */

export const personId = z.string().openapi({ example: '4711', description: 'a decimal integer as a string' });
const label = z.string().nullable();

export const traitEventSchema = z
  .strictObject({
    event_id: z.string(),
    trait: z.enum(['cart_abandoned', 'cart_status_updated']),
    status: z.string().describe('empty for cart_abandoned'),
    occurred_at: instant,
    detected_at: instant,
    recovered_at: instant.nullable(),
    person_id: personId,
    cart_id: z.string(),
    store_id: label,
    mode: label,
    amount: z.number().nullable(),
    anomaly: label,
    reentered: z.boolean(),
    source: label,
  })
  .openapi('TraitEvent');
export type TraitEventRow = z.output<typeof traitEventSchema>;

const traitEventColumns = (person: string): string => `event_id, trait, status, occurred_at, detected_at, recovered_at,
  toString(${person}) AS person_id, cart_id, store_id, mode, amount, anomaly, reentered, source`;
export const TRAIT_EVENT_COLUMNS = traitEventColumns('person_id');

/** {ids} are all ids under which the person {id} has rows. */
export const TRAIT_EVENTS_OF_PERSON = `SELECT ${traitEventColumns('{id:UInt32}')}
FROM ${TRAIT_EVENTS_OF_IDS} WHERE retracted_at IS NULL`;

/** As {@link TRAIT_EVENTS_OF_PERSON}: those that were retracted, newest first. */
export const RETRACTED_OF_PERSON = `WITH (
  SELECT (groupArray(assumeNotNull(replaces)), groupArray(event_id)) FROM ${TRAIT_EVENTS_OF_IDS}
  WHERE replaces IS NOT NULL
) AS replacements
SELECT ${traitEventColumns('{id:UInt32}')}, retracted_at,
  nullIf(arrayElement(replacements.2, indexOf(replacements.1, event_id)), '') AS replaced_by
FROM ${TRAIT_EVENTS_OF_IDS} WHERE retracted_at IS NOT NULL ORDER BY occurred_at DESC, event_id`;
export interface RetractedRow extends TraitEventRow {
  retracted_at: string;
  replaced_by: string | null;
}

export const cartSchema = z
  .strictObject({
    cart_id: z.string(),
    person_id: personId,
    status: label,
    status_since: instant.nullable(),
    store_id: label,
    mode: label,
    amount: z.number().nullable(),
    created_at: instant.nullable(),
    last_activity_at: instant.nullable(),
    due_at: instant.nullable().describe('when the open cart will count as abandoned'),
    abandoned_at: instant.nullable(),
    recovered_at: instant.nullable(),
    reservation_start_window: instant.nullable(),
    store_name: label,
    products: z.array(z.strictObject({ product_id: z.string(), count: z.number(), price: z.number().nullable() })),
  })
  .openapi('Cart');
export type CartRow = z.output<typeof cartSchema>;

/** Columns of the table of carts and of its view; the view alone has `reservation_start_window`. */
export const cartColumns = (person: string): string => `cart_id, toString(${person}) AS person_id, status, status_since,
  store_id, mode, amount, created_at, last_activity_at, due_at, abandoned_at, recovered_at, store_name, products`;
export const CART_COLUMNS = `${cartColumns('person_id')}, reservation_start_window`;

/** As {@link TRAIT_EVENTS_OF_PERSON}. */
export const CARTS_OF_PERSON = `SELECT ${cartColumns('{id:UInt32}')}, reservation_start_at AS reservation_start_window
${FROM_CARTS_OF_IDS}`;

/** Names of people by id; people without a name are left out. */
export async function namesOf(database: Rows, workspace: string, ids: string[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.rows<{ person_id: string; name: string }>(
    `SELECT toString(person_id) AS person_id, assumeNotNull(name) AS name FROM ${TABLES.people} FINAL
    WHERE workspace = {workspace:String} AND ${TABLES.people}.person_id IN {ids:Array(UInt32)} AND name IS NOT NULL`,
    { workspace, ids: [...new Set(ids)].map(Number) },
  );
  return new Map(rows.map(({ person_id, name }) => [person_id, name]));
}

/** All ids under which a person has rows: its own and those merged into it. */
export const idsOfPerson = async (database: Rows, workspace: string, id: number): Promise<number[]> =>
  (
    await database.rows<{ person_id: number }>(
      `SELECT person_id FROM ${TABLES.people} FINAL
      WHERE workspace = {workspace:String} AND (person_id = {id:UInt32} OR merged_into = {id:UInt32})`,
      { workspace, id },
    )
  ).map(({ person_id }) => person_id);
