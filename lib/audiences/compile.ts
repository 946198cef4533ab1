import { boundsOf } from './bounds.ts';
import { dwellConditions, nextConditions } from './cart-conditions.ts';
import { eventConditions, OF_WORKSPACE, Parameters } from './conditions.ts';
import type { Audience, DwellNode, TraitNode } from './tree.ts';

export interface CompileOptions {
  /** The tables that hold trait events, carts and people. */
  tables: { traitEvents: string; carts: string; people: string };
  workspace: string;
  /** The workspace's zone, which its days are in. */
  zone: string;
  /** The time of the evaluation, Unix ms: nothing after it counts. */
  nowMs: number;
  /** Only what was concluded by this time counts, Unix ms. */
  knownAtMs?: number;
  includeAnonymous: boolean;
}

/** A query with its bound parameters. */
export interface CompiledAudience {
  query: string;
  params: Record<string, unknown>;
}

/**
 * Audiences with more leaves than this read all merges once and apply them to each leaf: the query names each leaf less
 * often, so that 200 leaves with long lists stay within ClickHouse's limits for the size of a query.
 */
const FEW_LEAVES = 16;

/** Largest number of people in `sample`. */
export const SAMPLE_MAX = 20;

/**
 * One exact query: a row {count, reachable_sms, reachable_email, sample: person ids}. Each leaf is a bitmap
 * of people with the merges applied; the tree is bitmap algebra within the universe.
 *
 * It reads trait events and carts first, then people in one scan, and all reads of a table see one snapshot. The sink writes people
 * first, so a query that sees a row under its new person also sees the merge: a merge is seen whole or not at all. Only
 * losers that occur in a leaf are resolved, since most ids that were merged have no rows left. Audiences of many leaves
 * read people first and resolve all losers.
 */
export function compile(audience: Audience, options: CompileOptions): CompiledAudience {
  const { definitions, params } = compileMembers(audience, options);
  const query = `WITH
${definitions}
SELECT
  bitmapCardinality(result) AS count,
  bitmapAndCardinality(result, by_sms) AS reachable_sms,
  bitmapAndCardinality(result, by_email) AS reachable_email,
  arraySort(bitmapToArray(bitmapSubsetLimit(result, 0, ${SAMPLE_MAX}))) AS sample
SETTINGS ${ONE_SNAPSHOT}`;
  return { query, params };
}

/** The members of an audience as definitions for a query. */
export interface CompiledMembers {
  /**
   * What follows WITH: `result`, `by_sms` and `by_email` are bitmaps of person ids. The query needs the setting
   * {@link ONE_SNAPSHOT}.
   */
  definitions: string;
  params: Record<string, unknown>;
}

/** All reads of a table in one query see the same rows. */
export const ONE_SNAPSHOT = 'enable_shared_storage_snapshot_in_query = 1';

/** As {@link compile}, for queries that do more with the members than count them. */
export function compileMembers(audience: Audience, options: CompileOptions): CompiledMembers {
  let compiler = new Compiler(options, false);
  let result = compiler.node(audience);
  if (compiler.leaves.length > FEW_LEAVES) {
    compiler = new Compiler(options, true);
    result = compiler.node(audience);
  }
  const definitions = `${compiler.head()}
people.1 AS universe, people.2 AS by_sms, people.3 AS by_email,
${compiler.leaves.map(({ people }, i) => `${people} AS leaf_${i},\n`).join('')}${result} AS result`;
  return { definitions, params: compiler.params };
}

/** Bitmap of all losers, and the pairs of losers and winners as parallel arrays. */
const ALL_MERGES = `,
  groupBitmapStateIf(person_id, merged_into != 0),
  groupArrayIf(person_id, merged_into != 0),
  groupArrayIf(merged_into, merged_into != 0)`;

/** A set of people with all merges applied, within the universe, which has no losers. */
const merged = (raw: string, index: number): string =>
  `bitmapAnd(universe, bitmapOr(bitmapAndnot(${raw} AS raw_${index}, losers), ` +
  `bitmapTransform(bitmapAnd(raw_${index}, losers), merged, winners)))`;

/** Expressions of a leaf. */
interface Leaf {
  /** The people as they are stored with trait events or carts. */
  raw: string;
  /** The people with the merges applied, within the universe. */
  people: string;
}

class Compiler {
  readonly leaves: Leaf[] = [];
  private readonly indexes = new Map<string, number>();
  private readonly parameters: Parameters;

  /** `isLarge`: more leaves than FEW_LEAVES. */
  constructor(
    readonly options: CompileOptions,
    private readonly isLarge: boolean,
  ) {
    const { workspace, nowMs, knownAtMs } = options;
    const known = knownAtMs === undefined ? {} : { known_at_ms: knownAtMs };
    this.parameters = new Parameters({ workspace, now_ms: nowMs, ...known });
  }

  get params(): Record<string, unknown> {
    return this.parameters.values;
  }

  /** The expression of a node's set of people. */
  node(node: Audience): string {
    if ('and' in node) return node.and.map((child) => this.node(child)).reduce((a, b) => `bitmapAnd(${a}, ${b})`);
    if ('or' in node) return node.or.map((child) => this.node(child)).reduce((a, b) => `bitmapOr(${a}, ${b})`);
    if ('not' in node) return `bitmapAndnot(universe, ${this.node(node.not)})`;
    if ('everyone' in node) return 'universe';
    return this.leaf(node);
  }

  /** What the leaves need: the people as they are stored with trait events, then everything about people. */
  head(): string {
    if (this.isLarge) return `${this.people()} AS people, people.4 AS losers, people.5 AS merged, people.6 AS winners,`;
    const raw = this.leaves.map((leaf, i) => `${leaf.raw} AS raw_${i},\n`).join('');
    // A leaf is named before the people, so that trait events are read first.
    const people = this.leaves.length === 0 ? this.people() : `tuple(raw_0, ${this.people()}).2`;
    return `${raw}${people} AS people,`;
  }

  /** One row of everything about people: the universe, who of it can be reached, and for each leaf the winners of those in it. */
  people(): string {
    const inUniverse = `merged_into = 0 AND first_at <= ${instant('now_ms')}${
      this.options.includeAnonymous ? '' : ' AND NOT anonymous'
    }`;
    if (this.isLarge) return this.select(inUniverse, ALL_MERGES, '');
    const ofMerged = this.leaves.map((_, i) => `bitmapContains(raw_${i}, person_id)`);
    const isRead = ['merged_into = 0', ...ofMerged].join(' OR ');
    const winners = ofMerged.map((isHit) => `,\n  groupBitmapStateIf(merged_into, merged_into != 0 AND ${isHit})`);
    return this.select(inUniverse, winners.join(''), ` AND (${isRead})`);
  }

  private select(inUniverse: string, merges: string, condition: string): string {
    return `(SELECT (
  groupBitmapStateIf(person_id, ${inUniverse}),
  groupBitmapStateIf(person_id, ${inUniverse} AND reachable_sms),
  groupBitmapStateIf(person_id, ${inUniverse} AND reachable_email)${merges}
) FROM ${this.options.tables.people} FINAL WHERE ${OF_WORKSPACE}${condition})`;
  }

  private leaf(node: TraitNode | DwellNode): string {
    const name = JSON.stringify(node);
    let index = this.indexes.get(name);
    if (index === undefined) {
      index = this.leaves.push(this.expressions(node, this.leaves.length)) - 1;
      this.indexes.set(name, index);
    }
    return `leaf_${index}`;
  }

  private expressions(node: TraitNode | DwellNode, index: number): Leaf {
    const rows = this.rows(node);
    const raw = `(SELECT groupBitmapState(person_id) ${rows})`;
    const atLeast = 'dwell' in node ? 1 : (node.at_least ?? 1);
    if (atLeast === 1 && this.isLarge) return { raw, people: merged(raw, index) };
    if (atLeast === 1) return { raw, people: `bitmapAnd(universe, bitmapOr(raw_${index}, people.${index + 4}))` };
    // Loser and winner with one each are one person with two: the merges come before the threshold.
    const threshold = this.parameters.number(atLeast, 'Int64');
    const people = `bitmapAnd(universe, (SELECT groupBitmapState(person) FROM (
  SELECT if(alias.winner = 0, counted.person_id, alias.winner) AS person, sum(counted.found) AS total
  FROM (SELECT person_id, count() AS found ${rows} GROUP BY person_id) AS counted
  LEFT JOIN (
    SELECT person_id, merged_into AS winner FROM ${this.options.tables.people} FINAL
    WHERE ${OF_WORKSPACE} AND merged_into != 0${this.isLarge ? '' : ` AND bitmapContains(raw_${index}, person_id)`}
  ) AS alias ON alias.person_id = counted.person_id
  GROUP BY person HAVING total >= ${threshold}
)))`;
    return { raw, people };
  }

  /** The rows that a leaf counts. */
  private rows(node: TraitNode | DwellNode): string {
    const { table, conditions } = this.source(node);
    return `FROM ${table} FINAL WHERE ${conditions.join(' AND ')}`;
  }

  /** The table whose rows a leaf counts, and what it asks of them. */
  private source(node: TraitNode | DwellNode): { table: string; conditions: string[] } {
    const { tables, nowMs, zone } = this.options;
    if ('dwell' in node)
      return { table: tables.carts, conditions: dwellConditions(node, this.parameters, nowMs, zone) };
    return node.time?.operator === 'in_next'
      ? { table: tables.carts, conditions: nextConditions(node, this.parameters, nowMs, zone) }
      : { table: tables.traitEvents, conditions: this.conditions(node) };
  }

  private conditions(node: TraitNode): string[] {
    const { nowMs, zone } = this.options;
    const { fromMs, toMs } = node.time ? boundsOf(node.time, nowMs, zone) : { fromMs: null, toMs: null };
    const conditions = eventConditions(node, this.parameters);
    if (fromMs !== null) conditions.push(`occurred_at >= ${this.parameters.instant(fromMs)}`);
    conditions.push(`occurred_at <= ${this.parameters.instant(Math.min(toMs ?? Infinity, nowMs))}`);
    if (node.recovered !== undefined) {
      const recovered = `(recovered_at IS NOT NULL AND recovered_at <= ${instant('now_ms')})`;
      conditions.push(node.recovered ? recovered : `NOT ${recovered}`);
    }
    conditions.push(...this.known());
    return conditions;
  }

  private known(): string[] {
    if (this.options.knownAtMs === undefined) return ['retracted_at IS NULL'];
    const knownAt = instant('known_at_ms');
    return [`detected_at <= ${knownAt}`, `(retracted_at IS NULL OR retracted_at > ${knownAt})`];
  }
}

const instant = (name: string): string => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`;
