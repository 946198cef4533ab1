/**
 * `last_at` of people: the largest T of their records and of the events of their carts, which profiles do not follow. The
 * view `v_people` has the same for analysts, of all workspaces at once.
 */
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { Rows } from './database.ts';

/** `last_at` of a row `person` of people that is joined with {@link lastEvents} as `cart`. */
export const LAST_AT = 'greatest(person.last_at, ifNull(cart.at, person.last_at))';

/** Conditions on the rows that are read; by default all of the workspace. */
interface Read {
  carts?: string;
  merged?: string;
}

/** People who are not merged into others, with T of the latest event of their carts; the merges are applied. */
export const lastEvents = ({ carts = 'true', merged = 'merged_into != 0' }: Read = {}): string => `(
  SELECT if(alias.winner = 0, own.person_id, alias.winner) AS person_id, max(own.at) AS at
  FROM (
    SELECT person_id, max(last_event_at) AS at FROM ${TABLES.carts} FINAL
    WHERE workspace = {workspace:String} AND ${carts} GROUP BY person_id
  ) AS own
  LEFT JOIN (
    SELECT person_id, merged_into AS winner FROM ${TABLES.people} FINAL
    WHERE workspace = {workspace:String} AND ${merged}
  ) AS alias ON alias.person_id = own.person_id
  GROUP BY person_id
)`;

const OF_IDS = {
  carts: `cart_id IN (
      SELECT cart_id FROM ${TABLES.personCarts} FINAL WHERE workspace = {workspace:String} AND person_id IN (
        SELECT person_id FROM ${TABLES.people} FINAL
        WHERE workspace = {workspace:String} AND (person_id IN {ids:Array(UInt32)} OR merged_into IN {ids:Array(UInt32)})
      )
    )`,
  merged: 'merged_into IN {ids:Array(UInt32)}',
};

/** `last_at` of these people, who are not merged into others, by id. */
export async function lastAtOf(database: Rows, workspace: string, ids: number[]): Promise<Map<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await database.rows<{ id: string; at: string }>(
    `SELECT toString(person.person_id) AS id, ${LAST_AT} AS at
    FROM (
      SELECT person_id, last_at FROM ${TABLES.people} FINAL
      WHERE workspace = {workspace:String} AND person_id IN {ids:Array(UInt32)}
    ) AS person
    LEFT JOIN ${lastEvents(OF_IDS)} AS cart ON cart.person_id = person.person_id`,
    { workspace, ids },
  );
  return new Map(rows.map(({ id, at }) => [id, at]));
}
