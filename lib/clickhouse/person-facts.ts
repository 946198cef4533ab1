import type { FactsNeeded } from '../audiences/facts-needed.ts';
import type { CartFacts, PersonFacts, TraitEventFacts } from '../audiences/facts.ts';
import { TABLES } from './tables.ts';

/** Runs one read-only query with bound parameters and returns its rows. */
export type QueryRows = <T>(query: string, params: Record<string, unknown>) => Promise<T[]>;

export interface PersonFactsOptions {
  /** Also trait events that were retracted, for questions with `known_at` (default false). */
  withRetracted?: boolean;
  /** What is left out otherwise: no carts, and null for products (default: everything is needed). */
  needed?: FactsNeeded;
}

const EVERYTHING: FactsNeeded = { carts: true, products: true };

/** Independent of the settings of the client. */
const SETTINGS = `SETTINGS do_not_merge_across_partitions_select_final = 1, output_format_json_quote_64bit_integers = 0,
  output_format_json_named_tuples_as_objects = 1`;

/** Aliases in several steps exist only while merges are being written. */
const STEPS_MAX = 5;

const millis = (column: string): string => `toUnixTimestamp64Milli(${column}) AS ${column}`;

interface PersonRow {
  person_id: number;
  merged_into: number;
  anonymous: boolean;
  first_at: number;
}

/** The facts of a person as ClickHouse has them. */
export interface StoredFacts extends PersonFacts {
  /** Everybody who was merged into the person. They may have rows under these ids, and these are among the facts. */
  formerIds: readonly number[];
}

/**
 * The facts of people by the id that was asked for, with merges applied: the id of a merged person gives the facts of the
 * remaining one. Ids that nobody has are left out. The tables are not read at one time: while the sink writes about
 * these people, facts may be partly outdated.
 */
export async function readPersonFacts(
  queryRows: QueryRows,
  workspace: string,
  personIds: readonly number[],
  { withRetracted = false, needed = EVERYTHING }: PersonFactsOptions = {},
): Promise<Map<number, StoredFacts>> {
  const asked = new Set(personIds);
  const rowsOf = (ids: ReadonlySet<number>): Promise<Rows> =>
    readRows(queryRows, { workspace, ids: [...ids] }, { withRetracted, needed });
  // Side by side: few people were merged, and the time of each question is mostly the same for any number of people.
  const [people, mergedIntoAsked, rowsOfAsked] = await Promise.all([
    readPeople(queryRows, workspace, asked),
    readMerged(queryRows, workspace, asked),
    rowsOf(asked),
  ]);
  const winners = new Set([...people.values()].map(({ person_id }) => person_id));
  const mergedIntoOthers = await readMerged(queryRows, workspace, without(winners, asked));
  // The remaining person by each id that may have rows: their own, and those of everybody merged into them.
  const owners = new Map([
    ...[...mergedIntoAsked, ...mergedIntoOthers].filter(([, winner]) => winners.has(winner)),
    ...[...winners].map((id) => [id, id] as const),
  ]);
  // The rows of one person are read together: several may be of the same trait event.
  const unasked = new Set([...owners].flatMap(([id, owner]) => (asked.has(id) ? [] : [owner])));
  const rowsOfUnasked = await rowsOf(new Set([...owners].flatMap(([id, owner]) => (unasked.has(owner) ? [id] : []))));
  const formerIds = new Map<number, number[]>([...winners].map((id) => [id, []]));
  for (const [id, owner] of owners) if (id !== owner) formerIds.get(owner)!.push(id);
  const facts = new Map<number, StoredFacts>();
  const grouped = [rowsOfAsked, rowsOfUnasked].map(({ events, carts }) => ({
    events: groupByOwner(events, owners),
    carts: groupByOwner(carts, owners),
  }));
  for (const { person_id, first_at, anonymous } of people.values()) {
    const { events, carts } = grouped[unasked.has(person_id) ? 1 : 0]!;
    facts.set(person_id, {
      personId: person_id,
      formerIds: formerIds.get(person_id)!,
      firstAtMs: first_at,
      anonymous,
      traitEvents: events.get(person_id) ?? [],
      carts: carts.get(person_id) ?? [],
    });
  }
  return new Map([...people].map(([id, { person_id }]) => [id, facts.get(person_id)!]));
}

const without = (ids: ReadonlySet<number>, others: ReadonlySet<number>): Set<number> =>
  new Set([...ids].filter((id) => !others.has(id)));

interface Rows {
  events: (TraitEventFacts & { person_id: number })[];
  carts: (CartFacts & { person_id: number })[];
}

async function readRows(
  queryRows: QueryRows,
  of: { workspace: string; ids: readonly number[] },
  { withRetracted, needed }: Required<PersonFactsOptions>,
): Promise<Rows> {
  if (of.ids.length === 0) return { events: [], carts: [] };
  const [events, carts] = await Promise.all([
    queryRows<Rows['events'][number]>(traitEvents(withRetracted, needed), of),
    needed.carts ? queryRows<Rows['carts'][number]>(cartsOfIds(needed), of) : [],
  ]);
  return { events, carts };
}

/** The remaining person for each id that is one of a person. */
async function readPeople(
  queryRows: QueryRows,
  workspace: string,
  personIds: ReadonlySet<number>,
): Promise<Map<number, PersonRow>> {
  const found = new Map<number, PersonRow>();
  /** Ids that were asked for, by the id that they lead to. */
  let wanted = new Map([...personIds].map((id) => [id, [id]]));
  for (let steps = 0; steps < STEPS_MAX && wanted.size > 0; steps += 1) {
    const rows = await queryRows<PersonRow>(
      `SELECT person.person_id AS person_id, merged_into, anonymous, ${millis('first_at')}
      FROM ${TABLES.people} AS person FINAL
      WHERE workspace = {workspace:String} AND person.person_id IN {ids:Array(UInt32)} ${SETTINGS}`,
      { workspace, ids: [...wanted.keys()] },
    );
    const next = new Map<number, number[]>();
    for (const row of rows) {
      const asked = wanted.get(row.person_id)!;
      if (row.merged_into === 0) for (const id of asked) found.set(id, row);
      // An erased person was merged into itself.
      else if (row.merged_into !== row.person_id)
        next.set(row.merged_into, [...(next.get(row.merged_into) ?? []), ...asked]);
    }
    wanted = next;
  }
  return found;
}

/** Everybody who was merged into these people, each with the remaining person. */
async function readMerged(
  queryRows: QueryRows,
  workspace: string,
  winners: ReadonlySet<number>,
): Promise<[loser: number, winner: number][]> {
  if (winners.size === 0) return [];
  const aliases = await queryRows<{ loser: number; winner: number }>(
    `SELECT loser, winner FROM ${TABLES.personAliases} FINAL
    WHERE workspace = {workspace:String} AND winner IN {ids:Array(UInt32)} ${SETTINGS}`,
    { workspace, ids: [...winners] },
  );
  return aliases.map(({ loser, winner }) => [loser, winner]);
}

function groupByOwner<Row extends { person_id: number }>(
  rows: readonly Row[],
  owners: ReadonlyMap<number, number>,
): Map<number, Row[]> {
  const groups = new Map<number, Row[]>();
  for (const row of rows) {
    const owner = owners.get(row.person_id);
    if (owner === undefined) continue;
    const group = groups.get(owner);
    if (group === undefined) groups.set(owner, [row]);
    else group.push(row);
  }
  return groups;
}

/**
 * The rows of trait events of people, retracted ones as well; {ids} are all ids under which they have rows. A trait event
 * that was concluded under several ids of a person may have a row under each: the latest is valid.
 */
export const TRAIT_EVENTS_OF_IDS = `(
  SELECT * FROM ${TABLES.traitEventsByPerson} FINAL
  WHERE workspace = {workspace:String} AND person_id IN {ids:Array(UInt32)}
  ORDER BY version DESC LIMIT 1 BY event_id
)`;

/** The carts of people, as the table `cart`; {ids} are all ids under which they have rows. */
export const FROM_CARTS_OF_IDS = `FROM ${TABLES.carts} AS cart FINAL
WHERE workspace = {workspace:String} AND cart.person_id IN {ids:Array(UInt32)} AND cart_id IN (
  SELECT cart_id FROM ${TABLES.personCarts} FINAL
  WHERE workspace = {workspace:String} AND person_id IN {ids:Array(UInt32)}
)`;

const productsOf = ({ products }: FactsNeeded, column: string): string => (products ? column : `NULL AS ${column}`);

const traitEvents = (withRetracted: boolean, needed: FactsNeeded): string => `SELECT person_id, event_id, trait, status,
  ${['occurred_at', 'detected_at', 'retracted_at', 'recovered_at'].map(millis).join(', ')},
  cart_id, store_id, mode, amount, ${productsOf(needed, 'products')}, anomaly, reentered, source
FROM ${TRAIT_EVENTS_OF_IDS} ${withRetracted ? '' : 'WHERE retracted_at IS NULL '}${SETTINGS}`;

const cartsOfIds = (
  needed: FactsNeeded,
): string => `SELECT cart.person_id AS person_id, cart_id, status, store_id, store_name, mode, amount, ${productsOf(needed, 'products')},
  ${[
    'status_since',
    'created_at',
    'last_activity_at',
    'last_event_at',
    'due_at',
    'abandoned_at',
    'recovered_at',
    'reservation_start_at',
    'first_status_at',
  ]
    .map(millis)
    .join(', ')},
  arrayMap(stay -> tuple(stay.status, toUnixTimestamp64Milli(stay.began_at), toUnixTimestamp64Milli(stay.left_at))
    ::Tuple(status String, began_at Int64, left_at Nullable(Int64)), cart.statuses) AS statuses
${FROM_CARTS_OF_IDS} ${SETTINGS}`;
