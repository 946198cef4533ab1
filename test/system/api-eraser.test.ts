import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { localCodec } from '../../lib/avro/testing.ts';
import { createClickHouse, insertRowBinary, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate } from '../../lib/clickhouse/migrate.ts';
import { ERASED_LETTER, TABLES } from '../../lib/clickhouse/tables.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { loadConfig } from '../../lib/config/index.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { DeadLetter, PersonInput } from '../../schemas/types.ts';
import { createDatabase } from '../../services/api/database.ts';
import { createEraser, type EraserOptions } from '../../services/api/eraser.ts';
import { Block } from '../../services/sink/block.ts';
import { SINK_CONFIG } from '../../services/sink/config.ts';
import { addDeadLetter } from '../../services/sink/rows.ts';

/** Which dead letters an erasure deletes, on a real ClickHouse. */

let client: ClickHouse;
beforeAll(async () => {
  const { clickhouseUrl } = loadConfig(SINK_CONFIG, process.env, []);
  client = createClickHouse({ url: clickhouseUrl, database: `eraser_${randomBytes(5).toString('hex')}` });
  await migrate(client);
});
afterAll(async () => {
  await client.command({ query: `DROP DATABASE IF EXISTS ${client.options.database} SYNC` });
  await client.close();
});

it('deletes the dead letters that hold an address of the person, and no others', async () => {
  const bodies: Record<string, string> = {
    email: '{"customer_email_address":"Kay@Example.com"}',
    longer: '{"customer_email_address":"okay@example.com"}',
    phone: '{"customer_phone_number":"(808) 555-0143"}',
    number: '{"customer_phone_number":"(808) 555-0144"}',
    binary: 'not JSON: kay@example.com, \\ \' "',
    foreign: '{"customer_email_address":"kay@example.com"}',
    later: '{"customer_email_address":"kay@example.com"}',
  };
  const nowMs = systemClock.wallMs();
  const values = Object.entries(bodies).map(([id, body], i) => ({
    workspace: id === 'foreign' ? 'other' : 'acme',
    received_at: new Date(nowMs + (id === 'later' ? 3_600_000 : -1_000))
      .toISOString()
      .replace('T', ' ')
      .replace('Z', ''),
    dead_letter_id: id,
    source: 'events',
    reason: 'line_invalid',
    message: '',
    body,
    body_truncated: false,
    version: String(i),
  }));
  await client.insert({ table: TABLES.deadLetters, values, format: 'JSONEachRow' });
  const codec = localCodec<PersonInput>('person-inputs');
  const letters = localCodec<DeadLetter>('dead-letters');
  const sent: DeadLetter[] = [];
  const passed = { earliestDueMs: null, positions: new Map() };
  const eraser = await createEraser({
    registry: {
      codec: (topic: string) => Promise.resolve(topic === TOPICS.deadLetters ? letters : codec),
    } as unknown as EraserOptions['registry'],
    producer: {
      send: (records) => {
        for (const { topic, value } of [records].flat() as OutgoingRecord[]) {
          if (topic === TOPICS.deadLetters) sent.push(letters.decode(value as Buffer));
        }
        return Promise.resolve();
      },
      queuedBytes: 0,
      close: () => Promise.resolve(),
    },
    kafka: { endOffsets: () => Promise.resolve([]) },
    freshness: { passed: () => Promise.resolve() },
    deadLetters: { pass: () => Promise.resolve(passed) },
    database: createDatabase(client, systemClock),
    clickhouse: client,
    clock: systemClock,
  });
  await eraser.erase('acme', {
    identifiers: [
      { kind: 'user_id', value: '7' },
      { kind: 'email', value: 'kay@example.com' },
      { kind: 'phone', value: '+18085550143' },
    ],
    carts: [],
  });
  const left = await queryRows<{ dead_letter_id: string }>(
    client,
    `SELECT dead_letter_id FROM ${TABLES.deadLetters} ORDER BY dead_letter_id`,
  );
  expect(left.map(({ dead_letter_id }) => dead_letter_id)).toEqual(['foreign', 'later', 'longer', 'number']);
  // Whoever reads the topic again, in whichever order, does not show them either.
  expect(sent.map(({ dead_letter_id }) => dead_letter_id).sort()).toEqual(['binary', 'email', 'phone']);
  const shown = async (): Promise<unknown[]> =>
    queryRows(
      client,
      `SELECT dead_letter_id FROM ${TABLES.deadLetters} FINAL WHERE reason != '${ERASED_LETTER}' ORDER BY 1`,
    );
  const block = new Block([TABLES.deadLetters]);
  sent.forEach((letter, offset) => addDeadLetter(block, letter, offset));
  for (const insert of block.inserts()) await insertRowBinary(client, insert);
  await client.insert({ table: TABLES.deadLetters, values, format: 'JSONEachRow' });
  expect(await shown()).toEqual(['foreign', 'later', 'longer', 'number'].map((dead_letter_id) => ({ dead_letter_id })));
  const mutations = await queryRows<{ command: string; is_done: number }>(
    client,
    `SELECT command, is_done FROM system.mutations WHERE database = '${client.options.database}'`,
  );
  expect(mutations.map(({ is_done }) => is_done)).toEqual([1]);
  expect(mutations[0]?.command).not.toContain('example.com');
});
