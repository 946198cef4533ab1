import { instantParameter } from '../../lib/audiences/index.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { placeOf, STATUSES, UNKNOWN_PLACE } from '../../lib/jane/statuses.ts';
import type { Rows } from './database.ts';
import { cartColumns, type CartRow } from './rows.ts';

/** Questions about carts. Times are Unix milliseconds. */

/** Carts whose latest store and mode are in these lists. An empty list allows every value. */
export interface CartFilter {
  workspace: string;
  store_id: readonly string[];
  mode: readonly string[];
}

export interface Range {
  fromMs: number;
  /** Exclusive. */
  toMs: number;
}

/** Conditions for the carts of a filter, on a table with a column cart_id. */
const ofFilter = `({stores:Array(String)} = [] AND {modes:Array(String)} = [] OR cart_id IN (
    SELECT cart_id FROM ${TABLES.carts} FINAL WHERE workspace = {workspace:String}
      AND ({stores:Array(String)} = [] OR store_id IN {stores:Array(String)})
      AND ({modes:Array(String)} = [] OR mode IN {modes:Array(String)})
  ))`;

const changes = `workspace = {workspace:String} AND trait = 'cart_status_updated' AND retracted_at IS NULL`;

/** The changes of carts that had some checkout in the range; the first one may have been earlier. */
const changesOfCandidates = `FROM ${TABLES.traitEvents} FINAL
  WHERE ${changes} AND cart_id IN (
    SELECT cart_id FROM ${TABLES.traitEvents} FINAL
    WHERE ${changes} AND status != 'pending'
      AND occurred_at >= ${instantParameter('from_ms')} AND occurred_at < ${instantParameter('to_ms')} AND ${ofFilter}
  )`;

/** Simultaneous changes are taken in the order of statuses: unknown ones by name after delivery_finished. */
const RANKS = STATUSES.map(({ status }) => placeOf(status));
const rank = `transform(status, {statuses:Array(String)}, {ranks:Array(UInt8)}, ${UNKNOWN_PLACE})`;

const FUNNEL = `SELECT status, uniqExact(cart_id) AS carts, grouping(status) AS is_total,
  quantileExactInclusiveOrNull(0.5)(dwell_ms / 60000) AS p50,
  quantileExactInclusiveOrNull(0.9)(dwell_ms / 60000) AS p90
FROM (
  SELECT cart_id, stay.1 AS status, stay.2 AS dwell_ms
  FROM (
    SELECT cart_id, arraySort(groupArray((toUnixTimestamp64Milli(occurred_at), ${rank}, status))) AS stays,
      arrayMap(
        (stay, i) -> (stay.3, if(i < length(stays), stays[i + 1].1 - stay.1, NULL)), stays, arrayEnumerate(stays)
      ) AS of_statuses
    ${changesOfCandidates}
    GROUP BY cart_id
    HAVING minIf(occurred_at, status != 'pending') >= ${instantParameter('from_ms')}
  )
  ARRAY JOIN of_statuses AS stay
)
GROUP BY GROUPING SETS ((status), ())
ORDER BY is_total, ${rank}, status`;

interface FunnelRow {
  status: string;
  carts: number;
  is_total: number;
  p50: number | null;
  p90: number | null;
}

const paramsOf = ({ workspace, store_id, mode }: CartFilter, { fromMs, toMs }: Range) => ({
  workspace,
  stores: store_id,
  modes: mode,
  from_ms: fromMs,
  to_ms: toMs,
});

/** Carts whose first checkout is in the range, by the statuses that they have had. */
export async function funnelOf(database: Rows, filter: CartFilter, range: Range) {
  const rows = await database.rows<FunnelRow>(FUNNEL, {
    ...paramsOf(filter, range),
    statuses: STATUSES.map(({ status }) => status),
    ranks: RANKS,
  });
  const steps = rows
    .filter((row) => row.is_total === 0)
    .map(({ status, carts, p50, p90 }) => ({ status, carts, dwell_minutes: { p50, p90 } }));
  return { carts: rows.find((row) => row.is_total === 1)?.carts ?? 0, steps };
}

/** Sums of money: without the rounding errors of the binary fractions that add up. */
const money = (sum: string): string => `round(${sum}, 6)`;

const ABANDONED = `SELECT roundDown(toUnixTimestamp64Milli(occurred_at), {starts:Array(Int64)}) AS from_ms,
  count() AS abandoned, ${money('sumKahan(ifNull(event.amount, 0))')} AS amount,
  countIf(recovered_at IS NOT NULL) AS recovered,
  ${money('sumKahanIf(ifNull(event.amount, 0), recovered_at IS NOT NULL)')} AS recovered_amount
FROM ${TABLES.traitEvents} AS event FINAL
WHERE workspace = {workspace:String} AND trait = 'cart_abandoned' AND retracted_at IS NULL
  AND occurred_at >= ${instantParameter('from_ms')} AND occurred_at < ${instantParameter('to_ms')} AND ${ofFilter}
GROUP BY 1`;

const CHECKOUTS = `SELECT roundDown(first_ms, {starts:Array(Int64)}) AS from_ms, count() AS checkouts
FROM (
  SELECT toUnixTimestamp64Milli(minIf(occurred_at, status != 'pending')) AS first_ms
  ${changesOfCandidates}
  GROUP BY cart_id
)
WHERE first_ms >= {from_ms:Int64}
GROUP BY 1`;

interface AbandonedRow {
  from_ms: number;
  abandoned: number;
  amount: number;
  recovered: number;
  recovered_amount: number;
}

const NONE = { abandoned: 0, amount: 0, recovered: 0, recovered_amount: 0 };

/** Abandonments and first checkouts by bucket; each bucket ends where the next one starts, the last one at the range's end. */
export async function abandonmentOf(database: Rows, filter: CartFilter, range: Range, startsMs: readonly number[]) {
  if (startsMs.length === 0) return [];
  const params = { ...paramsOf(filter, range), starts: startsMs };
  const [abandoned, checkouts] = await Promise.all([
    database.rows<AbandonedRow>(ABANDONED, params),
    database.rows<{ from_ms: number; checkouts: number }>(CHECKOUTS, params),
  ]);
  const byStart = new Map(abandoned.map(({ from_ms, ...counts }) => [from_ms, counts]));
  const checkoutsByStart = new Map(checkouts.map((row) => [row.from_ms, row.checkouts]));
  return startsMs.map((fromMs) => ({
    fromMs,
    ...(byStart.get(fromMs) ?? NONE),
    checkouts: checkoutsByStart.get(fromMs) ?? 0,
  }));
}

/** Open carts: their status is neither terminal nor `finished`. */
const OPEN = `workspace = {workspace:String} AND cart.status IS NOT NULL AND cart.status NOT IN {closed:Array(String)}
  AND status_since >= ${instantParameter('since_ms')} AND ({stores:Array(String)} = [] OR cart.store_id IN {stores:Array(String)})`;

const BOARD = `SELECT assumeNotNull(status) AS status, count() AS carts, uniqExact(store_id) AS stores,
  min(assumeNotNull(status_since)) AS oldest_since,
  countIf(status_since < ${instantParameter('over_ms')}) AS over_carts,
  uniqExactIf(store_id, status_since < ${instantParameter('over_ms')}) AS over_stores
FROM ${TABLES.carts} AS cart FINAL WHERE ${OPEN}
GROUP BY status
ORDER BY ${rank}, status`;

export interface BoardRow {
  status: string;
  carts: number;
  stores: number;
  oldest_since: string;
  over_carts: number;
  over_stores: number;
}

const CLOSED = STATUSES.filter(({ status, terminal }) => terminal || status === 'finished').map(({ status }) => status);

export interface BoardQuestion {
  workspace: string;
  /** The status changed then or later. */
  sinceMs: number;
  /** `over` are the carts whose status changed before. */
  overMs: number;
  /** Carts whose latest store is one of these; empty: all carts. */
  stores: readonly string[];
}

const boardParams = ({ workspace, sinceMs, overMs, stores }: BoardQuestion) => ({
  workspace,
  since_ms: sinceMs,
  over_ms: overMs,
  stores,
  closed: CLOSED,
});

/** Open carts by status. */
export const boardOf = (database: Rows, asked: BoardQuestion) =>
  database.rows<BoardRow>(BOARD, {
    ...boardParams(asked),
    statuses: STATUSES.map(({ status }) => status),
    ranks: RANKS,
  });

const BOARD_CARTS = `SELECT ${cartColumns('if(alias.winner = 0, cart.person_id, alias.winner)')},
  cart.reservation_start_at AS reservation_start_window
FROM (
  SELECT * FROM ${TABLES.carts} AS cart FINAL
  WHERE ${OPEN} AND cart.status = {status:String} AND status_since < ${instantParameter('over_ms')}
    AND (toUnixTimestamp64Milli(assumeNotNull(status_since)), cart_id) > ({after_ms:Int64}, {after_id:String})
  ORDER BY status_since, cart_id LIMIT {limit:UInt32}
) AS cart
LEFT JOIN (
  SELECT loser, winner FROM ${TABLES.personAliases} FINAL WHERE workspace = {workspace:String}
) AS alias ON alias.loser = cart.person_id
ORDER BY status_since, cart_id`;

/** Open carts with one status since before `overMs`, the longest wait first, after a position. */
export const boardCartsOf = (
  database: Rows,
  asked: BoardQuestion & { status: string; afterMs: number; afterId: string; limit: number },
) =>
  database.rows<CartRow>(BOARD_CARTS, {
    ...boardParams(asked),
    status: asked.status,
    after_ms: asked.afterMs,
    after_id: asked.afterId,
    limit: asked.limit,
  });
