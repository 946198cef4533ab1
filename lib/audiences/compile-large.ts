/** SQL for audiences of many leaves: a few reads, each of which answers many leaves. To plan a read for each takes seconds. */
import { OF_WORKSPACE, type Parameters } from './conditions.ts';
import { atLeastOf, sourceOf, type SourceOptions } from './leaf-source.ts';
import { setOf, type DistinctLeaves } from './leaves.ts';
import type { Audience } from './tree.ts';

export interface LargeOptions extends SourceOptions {
  tables: { traitEvents: string; carts: string; people: string };
  parameters: Parameters;
  /** The condition that a row of people is in the universe. */
  inUniverse: string;
}

/** One read of a table; `counted`: for leaves with `at_least` above 1. */
interface Scan {
  table: string;
  counted: boolean;
  leaves: { name: string; condition: string; atLeast: number }[];
}

/**
 * A tuple of bitmaps in one row: the universe, who of it can be reached by SMS, and by email, and the members.
 * Merges are applied to rows. Trait events and carts are planned before people, which the
 * sink writes first.
 */
export function compileLarge(audience: Audience, leaves: DistinctLeaves, options: LargeOptions): string {
  const { parameters, inUniverse } = options;
  const { people } = options.tables;
  const scans: Scan[] = [];
  for (const [index, leaf] of leaves.all.entries()) {
    const { table, conditions } = sourceOf(leaf, options, parameters);
    const atLeast = atLeastOf(leaf);
    let scan = scans.find((other) => other.table === table && other.counted === atLeast > 1);
    if (scan === undefined) scans.push((scan = { table, counted: atLeast > 1, leaves: [] }));
    // The scan reads the workspace alone.
    const condition = conditions.filter((one) => one !== OF_WORKSPACE).join(' AND ');
    scan.leaves.push({ name: `leaf_${index}`, condition, atLeast });
  }
  const result = setOf(audience, (leaf) => `bitmapAnd(universe, leaf_${leaves.indexOf(leaf)})`);
  const reads = scans.map((scan, i) => `${scanOf(scan, people, parameters)} AS scan_${i}\n  CROSS JOIN `);
  return `(SELECT tuple(universe, by_sms, by_email, ${result})
  FROM ${reads.join('')}(
    SELECT
      groupBitmapStateIf(person_id, ${inUniverse}) AS universe,
      groupBitmapStateIf(person_id, ${inUniverse} AND reachable_sms) AS by_sms,
      groupBitmapStateIf(person_id, ${inUniverse} AND reachable_email) AS by_email
    FROM ${people} FINAL WHERE ${OF_WORKSPACE}
  ) AS everybody)`;
}

/** One row with a bitmap of people for each leaf. */
function scanOf({ table, counted, leaves }: Scan, people: string, parameters: Parameters): string {
  const person = 'if(winner = 0, person_id, winner)';
  const rows = `(SELECT * FROM ${table} FINAL WHERE ${OF_WORKSPACE}) AS found
    LEFT JOIN (
      SELECT person_id AS loser, merged_into AS winner FROM ${people} FINAL WHERE ${OF_WORKSPACE} AND merged_into != 0
    ) AS alias ON loser = found.person_id`;
  if (!counted) {
    const bitmaps = leaves.map(({ name, condition }) => `groupBitmapStateIf(${person}, ${condition}) AS ${name}`);
    return `(SELECT ${bitmaps.join(',\n')}\n    FROM ${rows})`;
  }
  // Loser and winner with one each are one person with two: the merges come before the threshold.
  const holds = leaves.map(({ condition }) => `ifNull(${condition}, false)`);
  const bitmaps = leaves.map(({ name, atLeast }, i) => {
    const threshold = parameters.number(atLeast, 'Int64');
    return `groupBitmapStateIf(person, leaf = ${i} AND total >= ${threshold}) AS ${name}`;
  });
  return `(SELECT ${bitmaps.join(',\n')} FROM (
    SELECT person, leaf, count() AS total FROM (
      SELECT ${person} AS person,
        arrayJoin(arrayFilter((i, isIn) -> isIn, range(${leaves.length}), [${holds.join(',\n')}])) AS leaf
      FROM ${rows}
    ) GROUP BY person, leaf
  ))`;
}
