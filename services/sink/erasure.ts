import { TABLES } from '../../lib/clickhouse/tables.ts';
import { packVersion, type LogVersion } from '../../lib/clickhouse/version.ts';

/** What one cause erases in a workspace. */
export interface ErasedKeys {
  carts: readonly string[];
  people: readonly number[];
  /** Ids of identifiers in the link report. */
  identifiers: readonly string[];
}

/** Rows with these keys are deleted unless the cause, or a later one, has written them. */
export interface Erasure {
  readonly workspace: string;
  readonly cause: Pick<LogVersion, 'logTimeMs' | 'inputOffset'>;
  readonly carts: Set<string>;
  readonly people: Set<number>;
  readonly identifiers: Set<string>;
}

/** The erasures of a block; those with the same cause are one. */
export class Erasures {
  private readonly byCause = new Map<string, Erasure>();

  add(workspace: string, { logTimeMs, inputOffset }: LogVersion, keys: ErasedKeys): void {
    const name = `${logTimeMs} ${inputOffset} ${workspace}`;
    let erasure = this.byCause.get(name);
    if (erasure === undefined) {
      const cause = { logTimeMs, inputOffset };
      erasure = { workspace, cause, carts: new Set(), people: new Set(), identifiers: new Set() };
      this.byCause.set(name, erasure);
    }
    for (const id of keys.carts) erasure.carts.add(id);
    for (const id of keys.people) erasure.people.add(id);
    for (const id of keys.identifiers) erasure.identifiers.add(id);
  }

  get all(): Erasure[] {
    return [...this.byCause.values()];
  }
}

/** A statement with its parameters. */
export interface Statement {
  query: string;
  params: Record<string, unknown>;
}

/** Ids are sent in the URL of the request, which is limited to 1 MiB. */
const IDS_MAX = 1_000;
const IDS_CHARS_MAX = 64 * 1024;

const TARGETS: readonly [table: string, column: string, type: string, keys: 'carts' | 'people' | 'identifiers'][] = [
  [TABLES.traitEvents, 'cart_id', 'String', 'carts'],
  [TABLES.traitEventsByPerson, 'cart_id', 'String', 'carts'],
  [TABLES.carts, 'cart_id', 'String', 'carts'],
  [TABLES.personCarts, 'cart_id', 'String', 'carts'],
  [TABLES.people, 'person_id', 'UInt32', 'people'],
  [TABLES.personAliases, 'loser', 'UInt32', 'people'],
  [TABLES.linkReport, 'identifier_id', 'String', 'identifiers'],
];

/**
 * Statements that delete the erased rows from the parts. Rows without content, which the block contains too, hide them
 * at once, and older rows that are inserted again later; these statements take care that no part keeps their content.
 */
export function erasureStatements({ workspace, cause, ...keys }: Erasure): Statement[] {
  const before = String(packVersion({ ...cause, outputOffset: 0 }));
  const deletions = TARGETS.flatMap(([table, column, type, kind]) =>
    chunks([...keys[kind]]).map((ids) => ({
      query: `ALTER TABLE ${table} DELETE WHERE workspace = {workspace: String}
        AND ${column} IN {ids: Array(${type})} AND version < {before: UInt128}`,
      params: { workspace, ids, before },
    })),
  );
  return [...deletions, ...stepsOfPeople(workspace, [...keys.people])];
}

/**
 * Statements that take person, cart, address and text from all steps of flows of people who were erased. The steps stay,
 * and with them the event of a goal, so that the counts of a report do not change. Until this is done, the views hide
 * the rest. The ids are never given again, so no version limits it: times in flow-events are not those of trait-events.
 */
export const stepsOfPeople = (workspace: string, people: readonly number[]): Statement[] =>
  chunks(people).map((ids) => ({
    query: `ALTER TABLE ${TABLES.flowEvents}
      UPDATE person_id = 0, cart_id = '', event_id = if(what = 'goal', event_id, ''), address = NULL, text = NULL
      WHERE workspace = {workspace: String} AND person_id IN {ids: Array(UInt32)}`,
    params: { workspace, ids },
  }));

function chunks(ids: readonly (string | number)[]): (string | number)[][] {
  const all: (string | number)[][] = [];
  let chars = Infinity;
  for (const id of ids) {
    const length = String(id).length;
    const last = all.at(-1);
    if (last === undefined || last.length >= IDS_MAX || chars + length > IDS_CHARS_MAX) {
      all.push([id]);
      chars = length;
    } else {
      last.push(id);
      chars += length;
    }
  }
  return all;
}
