import { factsNeeded, rowsOf, type PersonFacts } from '../../lib/audiences/index.ts';
import { queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { readPersonFacts } from '../../lib/clickhouse/person-facts.ts';
import { READ_SETTINGS, TABLES } from '../../lib/clickhouse/tables.ts';
import type { PeopleSource } from './people.ts';

/** The people as the sink has written them. */
export const clickHousePeople = (client: ClickHouse): PeopleSource<PersonFacts> => ({
  read: (workspace, ids, audiences, signal) =>
    readPersonFacts((query, params) => queryRows(client, query, params, {}, signal), workspace, ids, {
      needed: factsNeeded(audiences),
    }),

  rowsOf,

  async next(workspace, after, limit, signal) {
    const rows = await queryRows<{ person_id: number }>(
      client,
      `SELECT person_id FROM ${TABLES.people} FINAL
      WHERE workspace = {workspace:String} AND merged_into = 0 AND person_id > {after:UInt32}
      ORDER BY person_id LIMIT {limit:UInt32}`,
      { workspace, after, limit },
      READ_SETTINGS,
      signal,
    );
    return rows.map(({ person_id }) => person_id);
  },
});
