/** An audience at many times at once: exact counts with one scan of each leaf, however many points there are. */
import { boundsOf, OPEN } from './bounds.ts';
import { compile, ONE_SNAPSHOT, type CompiledAudience, type CompileOptions } from './compile.ts';
import { eventConditions, OF_WORKSPACE, Parameters } from './conditions.ts';
import { DistinctLeaves, setOf } from './leaves.ts';
import type { Audience, TraitNode } from './tree.ts';

export interface TrendOptions extends Omit<CompileOptions, 'nowMs' | 'knownAtMs'> {
  /** The times of the evaluations, Unix ms, ascending. */
  pointsMs: readonly number[];
}

/** Counts of some of the points, from the point with the index `firstIndex` on. */
export interface TrendQuery extends CompiledAudience {
  firstIndex: number;
}

/** A row of a query's result: the point's index in the query. Points without a row count nobody. */
export interface TrendRow {
  point: number;
  count: number;
}

/** Sets of people that one query holds in memory at once: one of each leaf, and the universe, for every point. */
const SETS_MAX = 800;
/** Audiences with more leaves than this are counted point by point, because each leaf repeats its bounds at all points. */
const LEAVES_MAX = 16;

/**
 * The counts of an audience at each point: each is what a preview with that `now` counts. Must not contain `in_next` and
 * `dwell`. Run in any order; each query reads one snapshot.
 */
export function compileTrend(audience: Audience, options: TrendOptions): TrendQuery[] {
  const { pointsMs, ...shared } = options;
  const leaves = new DistinctLeaves(audience);
  if (leaves.all.length > LEAVES_MAX) {
    return pointsMs.map((nowMs, firstIndex) => {
      const { query, params } = compile(audience, { ...shared, nowMs });
      return { firstIndex, query: `SELECT 0 AS point, count FROM (${query})`, params };
    });
  }
  const size = Math.floor(SETS_MAX / (leaves.all.length + 1));
  const queries: TrendQuery[] = [];
  for (let firstIndex = 0; firstIndex < pointsMs.length; firstIndex += size) {
    const chunk = { ...options, pointsMs: pointsMs.slice(firstIndex, firstIndex + size) };
    queries.push({ firstIndex, ...new TrendCompiler(leaves, chunk).compile(audience) });
  }
  return queries;
}

/** Rows of single people get the list of their points: in small blocks, and with groups on disk if there are too many. */
const FRUGAL = ', max_block_size = 4096, max_bytes_before_external_group_by = 500000000';

/** Before all times. */
const OPEN_MS = -(2 ** 53);
/** After all times. */
const NEVER_MS = 2 ** 53;

/**
 * The times at which membership can change divide time into intervals. Rows of one interval count at the same points, so
 * they are collected into one set of people by interval, and the sets are then united for each point.
 */
class TrendCompiler {
  private readonly parameters: Parameters;

  constructor(
    private readonly leaves: DistinctLeaves,
    private readonly options: TrendOptions,
  ) {
    this.parameters = new Parameters({ workspace: options.workspace, points_ms: options.pointsMs });
  }

  compile(audience: Audience): CompiledAudience {
    const all = this.leaves.all.flatMap((node, index) => ('trait' in node ? [{ node, index }] : []));
    const result = setOf(audience, (leaf) => `bitmapAnd(universe, leaf_${this.leaves.indexOf(leaf)})`);
    const sets = all
      .map(({ index }) => `groupBitmapMergeStateIf(people, leaf = ${index}) AS leaf_${index},\n`)
      .join('');
    // Trait events are named before people, so that they are read first: see `compile`.
    const parts = [...all.map(({ index, node }) => this.leaf(index, node)), this.universe(all.length)];
    const query = `SELECT point, bitmapCardinality(${result}) AS count
FROM (
  SELECT point, ${sets} groupBitmapMergeStateIf(people, leaf = ${all.length}) AS universe
  FROM (
${parts.join('\nUNION ALL\n')}
  ) ARRAY JOIN points AS point
  GROUP BY point
)
SETTINGS ${ONE_SNAPSHOT}${all.some(({ node }) => (node.at_least ?? 1) > 1) ? FRUGAL : ''}`;
    return { query, params: this.parameters.values };
  }

  /** People by the interval of their `first_at`. */
  private universe(index: number): string {
    const { tables, includeAnonymous } = this.options;
    return `SELECT ${index} AS leaf, groupBitmapState(person_id) AS people,
  arrayFilter((point, at_point) -> since <= at_point, range(length({points_ms:Array(Int64)})), {points_ms:Array(Int64)}) AS points
FROM ${tables.people} FINAL
WHERE ${OF_WORKSPACE} AND merged_into = 0${includeAnonymous ? '' : ' AND NOT anonymous'}
GROUP BY ${this.interval('toUnixTimestamp64Milli(first_at)', this.afterPoints())} AS since`;
  }

  private leaf(index: number, node: TraitNode): string {
    const { pointsMs, zone } = this.options;
    const bounds = pointsMs.map((nowMs) => {
      const { fromMs, toMs } = node.time ? boundsOf(node.time, nowMs, zone) : OPEN;
      return { fromMs: fromMs ?? OPEN_MS, toMs: Math.min(toMs ?? Infinity, nowMs) };
    });
    const froms = bounds.map(({ fromMs }) => fromMs);
    const tos = bounds.map(({ toMs }) => toMs);
    const edges = [...froms, ...tos.map((toMs) => toMs + 1)];
    const { recovered, at_least: atLeast = 1 } = node;
    const isRecovered = recovered === undefined ? '' : ` AND ${recovered ? '' : 'NOT '}(recovered <= at_point)`;
    const boundFroms = this.parameters.bind(froms, 'Array(Int64)');
    const boundTos = this.parameters.bind(tos, 'Array(Int64)');
    /** The points whose range contains both times. */
    const points = (earliest: string, latest: string): string =>
      `arrayFilter((point, first, last, at_point) -> first <= ${earliest} AND ${latest} <= last${isRecovered},
    range(length({points_ms:Array(Int64)})), ${boundFroms}, ${boundTos}, {points_ms:Array(Int64)}) AS points`;
    const rows = this.rows(node, edges, [...eventConditions(node, this.parameters), ...this.between(froms, tos)]);
    if (atLeast === 1) {
      return `SELECT ${index} AS leaf, groupBitmapState(person) AS people, ${points('occurred', 'occurred')}
FROM (${rows}) GROUP BY occurred, recovered`;
    }
    const threshold = this.parameters.number(atLeast, 'Int64');
    if (recovered === undefined) {
      // A range has enough of a person's events if it has the first and the last of that number of consecutive ones.
      return `SELECT ${index} AS leaf, groupBitmapState(person) AS people, ${points('pair.1', 'pair.2')}
FROM (
  SELECT person, arrayJoin(arrayZip(arraySlice(times, 1, length(times) - ${threshold} + 1), arraySlice(times, ${threshold}))) AS pair
  FROM (SELECT person, arraySort(groupArray(occurred)) AS times FROM (${rows}) GROUP BY person HAVING length(times) >= ${threshold})
) GROUP BY pair`;
    }
    return `SELECT ${index} AS leaf, groupBitmapState(person) AS people, [at] AS points
FROM (
  SELECT person, at, sum(events) AS total FROM (
    SELECT person, events, ${points('occurred', 'occurred')}
    FROM (SELECT person, occurred, recovered, count() AS events FROM (${rows}) GROUP BY person, occurred, recovered)
  ) ARRAY JOIN points AS at
  GROUP BY person, at HAVING total >= ${threshold}
) GROUP BY at`;
  }

  /** A row for each trait event of a leaf: its person, and the intervals of its times. */
  private rows(node: TraitNode, edges: readonly number[], conditions: readonly string[]): string {
    const { tables } = this.options;
    const recoveredMs = `ifNull(toUnixTimestamp64Milli(recovered_at), ${NEVER_MS})`;
    return `SELECT if(alias.winner = 0, event.person_id, alias.winner) AS person,
      ${this.interval('toUnixTimestamp64Milli(event.occurred_at)', edges)} AS occurred,
      ${node.recovered === undefined ? '0' : this.interval(recoveredMs, this.afterPoints())} AS recovered
    FROM (
      SELECT person_id, occurred_at, recovered_at FROM ${tables.traitEvents} FINAL WHERE ${conditions.join(' AND ')}
    ) AS event
    LEFT JOIN (
      SELECT person_id, merged_into AS winner FROM ${tables.people} FINAL
      WHERE ${OF_WORKSPACE} AND merged_into != 0
    ) AS alias ON alias.person_id = event.person_id`;
  }

  /** Only rows that count at some point. */
  private between(froms: readonly number[], tos: readonly number[]): string[] {
    const fromMs = Math.min(...froms);
    return [
      'retracted_at IS NULL',
      ...(fromMs === OPEN_MS ? [] : [`occurred_at >= ${this.parameters.instant(fromMs)}`]),
      `occurred_at <= ${this.parameters.instant(Math.max(...tos))}`,
    ];
  }

  /** The first millisecond after each point. */
  private afterPoints(): number[] {
    return this.options.pointsMs.map((nowMs) => nowMs + 1);
  }

  /** The beginning of the interval that a time lies in. */
  private interval(ms: string, edges: readonly number[]): string {
    const sorted = [...new Set([OPEN_MS, ...edges])].sort((a, b) => a - b);
    return `roundDown(${ms}, ${this.parameters.bind(sorted, 'Array(Int64)')})`;
  }
}
