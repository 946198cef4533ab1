import { compileLarge } from './compile-large.ts';
import { OF_WORKSPACE, Parameters } from './conditions.ts';
import { atLeastOf, instantParameter, sourceOf } from './leaf-source.ts';
import { DistinctLeaves, setOf, type Leaf } from './leaves.ts';
import type { Audience } from './tree.ts';

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

/** Audiences with more leaves than this are compiled by `compile-large.ts`: to plan a read for each leaf takes seconds. */
const FEW_LEAVES = 16;

/** Largest number of people in `sample`. */
export const SAMPLE_MAX = 20;

/**
 * One exact query: a row {count, reachable_sms, reachable_email, sample: person ids}. Each leaf is a bitmap
 * of people with the merges applied; the tree is bitmap algebra within the universe.
 *
 * It reads trait events and carts first, then people in one scan, and all reads of a table see one snapshot. The sink
 * writes people first, so a query that sees a row under its new person also sees the merge: a merge is seen whole or not
 * at all. Only losers that occur in a leaf are resolved, since most ids that were merged have no rows left.
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
  const leaves = new DistinctLeaves(audience);
  if (leaves.all.length > FEW_LEAVES) {
    const parameters = parametersOf(options);
    const outcome = compileLarge(audience, leaves, { ...options, parameters, inUniverse: inUniverse(options) });
    const definitions = `${outcome} AS outcome,
outcome.1 AS universe, outcome.2 AS by_sms, outcome.3 AS by_email, outcome.4 AS result`;
    return { definitions, params: parameters.values };
  }
  const compiler = new Compiler(options, leaves);
  const result = setOf(audience, (leaf) => `leaf_${leaves.indexOf(leaf)}`);
  const definitions = `${compiler.head()}
people.1 AS universe, people.2 AS by_sms, people.3 AS by_email,
${compiler.leaves.map(({ people }, i) => `${people} AS leaf_${i},\n`).join('')}${result} AS result`;
  return { definitions, params: compiler.parameters.values };
}

/** With the parameters that have names of their own. */
function parametersOf({ workspace, nowMs, knownAtMs }: CompileOptions): Parameters {
  const known = knownAtMs === undefined ? {} : { known_at_ms: knownAtMs };
  return new Parameters({ workspace, now_ms: nowMs, ...known });
}

/** The condition that a row of people is in the universe. */
const inUniverse = ({ includeAnonymous }: CompileOptions): string =>
  `merged_into = 0 AND first_at <= ${instantParameter('now_ms')}${includeAnonymous ? '' : ' AND NOT anonymous'}`;

/** Expressions of a leaf. */
interface LeafExpressions {
  /** The people as they are stored with trait events or carts. */
  raw: string;
  /** The people with the merges applied, within the universe. */
  people: string;
}

class Compiler {
  readonly leaves: readonly LeafExpressions[];
  readonly parameters: Parameters;

  constructor(
    readonly options: CompileOptions,
    leaves: DistinctLeaves,
  ) {
    this.parameters = parametersOf(options);
    this.leaves = leaves.all.map((leaf, index) => this.expressions(leaf, index));
  }

  /** What the leaves need: the people as they are stored with trait events, then everything about people. */
  head(): string {
    const raw = this.leaves.map((leaf, i) => `${leaf.raw} AS raw_${i},\n`).join('');
    // A leaf is named before the people, so that trait events are read first.
    const people = this.leaves.length === 0 ? this.people() : `tuple(raw_0, ${this.people()}).2`;
    return `${raw}${people} AS people,`;
  }

  /** One row of everything about people: the universe, who of it can be reached, and for each leaf the winners of those in it. */
  people(): string {
    const ofMerged = this.leaves.map((_, i) => `bitmapContains(raw_${i}, person_id)`);
    const isRead = ['merged_into = 0', ...ofMerged].join(' OR ');
    const winners = ofMerged.map((isHit) => `,\n  groupBitmapStateIf(merged_into, merged_into != 0 AND ${isHit})`);
    return this.select(winners.join(''), ` AND (${isRead})`);
  }

  private select(winners: string, condition: string): string {
    const isIn = inUniverse(this.options);
    return `(SELECT (
  groupBitmapStateIf(person_id, ${isIn}),
  groupBitmapStateIf(person_id, ${isIn} AND reachable_sms),
  groupBitmapStateIf(person_id, ${isIn} AND reachable_email)${winners}
) FROM ${this.options.tables.people} FINAL WHERE ${OF_WORKSPACE}${condition})`;
  }

  private expressions(node: Leaf, index: number): LeafExpressions {
    const { table, conditions } = sourceOf(node, this.options, this.parameters);
    const rows = `FROM ${table} FINAL WHERE ${conditions.join(' AND ')}`;
    const raw = `(SELECT groupBitmapState(person_id) ${rows})`;
    const atLeast = atLeastOf(node);
    if (atLeast === 1) return { raw, people: `bitmapAnd(universe, bitmapOr(raw_${index}, people.${index + 4}))` };
    // Loser and winner with one each are one person with two: the merges come before the threshold.
    const threshold = this.parameters.number(atLeast, 'Int64');
    const people = `bitmapAnd(universe, (SELECT groupBitmapState(person) FROM (
  SELECT if(alias.winner = 0, counted.person_id, alias.winner) AS person, sum(counted.found) AS total
  FROM (SELECT person_id, count() AS found ${rows} GROUP BY person_id) AS counted
  LEFT JOIN (
    SELECT person_id, merged_into AS winner FROM ${this.options.tables.people} FINAL
    WHERE ${OF_WORKSPACE} AND merged_into != 0 AND bitmapContains(raw_${index}, person_id)
  ) AS alias ON alias.person_id = counted.person_id
  GROUP BY person HAVING total >= ${threshold}
)))`;
    return { raw, people };
  }
}
