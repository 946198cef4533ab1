import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClickHouse, insertRowBinary, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate } from '../../lib/clickhouse/migrate.ts';
import { MIGRATIONS } from '../../lib/clickhouse/migrations.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { loadConfig } from '../../lib/config/index.ts';
import type { Outcome } from '../../schemas/types.ts';
import { Block } from '../../services/sink/block.ts';
import { SINK_CONFIG } from '../../services/sink/config.ts';
import { OUTCOMES } from '../../services/sink/content.ts';
import { addOutcome } from '../../services/sink/rows.ts';
import { cart, person, traitEvent } from './sink-world.ts';

/** An installation of an earlier release is updated: its rows must be as if the sink had read the log from the beginning. */

const { clickhouseUrl: url } = loadConfig(SINK_CONFIG, process.env, []);
const name = randomBytes(5).toString('hex');
let fresh: ClickHouse;
let updated: ClickHouse;

beforeEach(async () => {
  [fresh, updated] = ['fresh', 'updated'].map((role) =>
    createClickHouse({ url, database: `sink_${name}_${role}` }),
  ) as [ClickHouse, ClickHouse];
  await migrate(fresh);
  await migrate(updated, undefined, MIGRATIONS.slice(0, 3));
});
afterEach(async () => {
  for (const client of [fresh, updated]) {
    await client.command({ query: `DROP DATABASE IF EXISTS ${client.options.database} SYNC` });
    await client.close();
  }
});

const month = (m: number): number => Date.UTC(2025, m, 15);

/** In the order of the log; each block is one insert, so that some versions of a row are in different parts. */
const BLOCKS: readonly (readonly Partial<Outcome>[])[] = [
  [
    ...[1, 2, 3, 4].map((id) => ({ person: person(id) })),
    ...[1, 2, 3, 4].map((id) => ({ cart: cart(`cart-${id}`, { person_id: id, status: 'pending' }) })),
    ...[1, 2, 3, 4].map((id) => ({ trait: traitEvent(id, { person_id: id, occurred_at: month(id) }) })),
    { workspace: 'other', trait: traitEvent(7, { person_id: 1 }) },
    { workspace: 'other', cart: cart('cart-1', { person_id: 9 }) },
  ],
  [
    // Retracted, recovered and asserted again.
    { trait: traitEvent(1, { op: 'retracted', person_id: 1, occurred_at: month(1), retracted_at: month(6) }) },
    { trait: traitEvent(2, { op: 'updated', person_id: 2, occurred_at: month(2), recovered_at: month(5), amount: 3 }) },
    { trait: traitEvent(3, { op: 'retracted', person_id: 3, occurred_at: month(3), retracted_at: month(6) }) },
    { trait: traitEvent(3, { person_id: 3, occurred_at: month(3), detected_at: month(7) }) },
    { merge: { loser: 3, winner: 2, dissolved: false } },
  ],
  [
    // A parting: 4 is left, and cart and trait event belong to 5.
    { person: person(5) },
    { trait: traitEvent(4, { person_id: 5, occurred_at: month(4), moved_from: 4 }) },
    { cart: cart('cart-4', { person_id: 5, status: 'finished', moved_from: 4 }) },
    { trait: traitEvent(8, { person_id: 5, trait: 'cart_abandoned', status: '', cart_id: 'cart-4' }) },
  ],
];

async function fill(client: ClickHouse): Promise<void> {
  let offset = 0;
  for (const outcomes of BLOCKS) {
    const block = new Block(OUTCOMES.tables, OUTCOMES.details);
    for (const said of outcomes) {
      const kind = said.trait ? 'trait' : said.cart ? 'cart' : said.person ? 'person' : 'merge';
      const none = { trait: null, cart: null, person: null, merge: null };
      const cause = { log_time: month(8), input_offset: offset };
      addOutcome(block, { kind, workspace: 'w0', ...cause, ...none, ...said } as Outcome, offset);
      offset += 1;
    }
    for (const insert of [...block.inserts(), ...block.insertsOfDetails()]) await insertRowBinary(client, insert);
  }
}

async function columnsOf(client: ClickHouse, table: string): Promise<string> {
  const columns = await queryRows<{ name: string }>(
    client,
    'SELECT name FROM system.columns WHERE database = currentDatabase() AND table = {table: String} ORDER BY position',
    { table },
  );
  return columns.map((column) => column.name).join(', ');
}

const all = async (client: ClickHouse, table: string): Promise<unknown[]> =>
  queryRows(client, `SELECT * REPLACE (toString(version) AS version) FROM ${table} FINAL ORDER BY ALL`);

it('rows by person are copied from the tables of the former release, each version in its own part', async () => {
  await fill(fresh);
  const former = [TABLES.traitEvents, TABLES.carts, TABLES.people, TABLES.personAliases];
  for (const table of former) {
    const columns = await columnsOf(updated, table);
    await updated.command({
      query: `INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${fresh.options.database}.${table}`,
    });
  }
  const ran = await migrate(updated);
  expect(ran[0]).toBe(4);
  for (const table of [...former, TABLES.traitEventsByPerson, TABLES.personCarts]) {
    const rows = await all(fresh, table);
    expect(rows.length, table).toBeGreaterThan(0);
    expect(await all(updated, table), table).toEqual(rows);
  }
  // What is written from now on replaces what was copied.
  await fill(updated);
  for (const table of [TABLES.traitEventsByPerson, TABLES.personCarts]) {
    expect(await all(updated, table), table).toEqual(await all(fresh, table));
  }
});
