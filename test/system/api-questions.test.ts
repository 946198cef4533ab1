import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import {
  ClickHouseOverloadedError,
  ClientGoneError,
  createDatabase,
  QUERIES_MAX,
  STREAMS_MAX,
} from '../../services/api/database.ts';
import { createClickHouse } from '../../lib/clickhouse/client.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { waitUntil } from '../harness/client.ts';
import { openDatabase } from './api-audience-world.ts';

/** How questions share ClickHouse, on the real one. */

let world: Awaited<ReturnType<typeof openDatabase>>;
const mark = `questions_${process.pid}_${Date.now()}`;
beforeAll(async () => {
  world = await openDatabase(inject('engines').CLICKHOUSE_URL, mark);
});
afterAll(() => world.close());

/** A question that takes a while; the mark finds it among those that run. */
const slow = (seconds: number) =>
  `SELECT sum(sleepEachRow(0.1)) AS slept, '${mark}' FROM numbers(${seconds * 10}) SETTINGS max_block_size = 1`;

async function running(): Promise<number> {
  const [row] = await world.database.rows<{ n: number }>(
    `SELECT count() AS n FROM system.processes WHERE query LIKE '%sleepEachRow%${mark}%' AND query NOT LIKE '%processes%'`,
  );
  return row?.n ?? 0;
}

it('a question is stopped in ClickHouse when nobody waits for it any more', async () => {
  const going = new AbortController();
  const asked = world.database.for(going.signal).rows(slow(60));
  asked.catch(() => undefined);
  await waitUntil('it runs', async () => (await running()) === 1);
  going.abort();
  await expect(asked).rejects.toThrow(ClientGoneError);
  await waitUntil('it has been stopped', async () => (await running()) === 0);
});

it('a workspace with as many slow questions as may run leaves places to the others', async () => {
  let isDone = false;
  const going = new AbortController();
  const hog = world.database.for(going.signal);
  const many = Array.from({ length: QUERIES_MAX }, () => hog.rows(slow(60), { workspace: 'busy' }));
  const all = Promise.allSettled(many).then(() => (isDone = true));
  await waitUntil('they run', async () => (await running()) === QUERIES_MAX / 2);
  await world.database.rows(slow(0.3), { workspace: 'quiet' });
  expect(isDone).toBe(false);
  await waitUntil('they still run', async () => (await running()) === QUERIES_MAX / 2);
  going.abort();
  await all;
});

it('a workspace that asks very much makes itself wait, not the others', async () => {
  const ended: string[] = [];
  const ask = (workspace: string) =>
    world.database.rows(slow(0.3), { workspace }).then(() => void ended.push(workspace));
  const many = Array.from({ length: 60 }, () => ask('busy'));
  await ask('quiet');
  expect(ended.length).toBeLessThan(30);
  await Promise.all(many);
});

it('a question that needs more memory than one may have is stopped, also while its answer is streamed', async () => {
  const client = createClickHouse({ url: inject('engines').CLICKHOUSE_URL, database: mark });
  const database = createDatabase(client, systemClock, { memoryMaxBytes: 50_000_000 });
  const large = 'SELECT length(groupArray(number)) FROM numbers(100000000)';
  await expect(database.rows(large)).rejects.toThrow(ClickHouseOverloadedError);
  await expect(database.stream(large, {}, new AbortController().signal)).rejects.toThrow(ClickHouseOverloadedError);
  expect(await database.rows('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await client.close();
});

it('streams of a workspace that nobody reads leave places to streams of others and to questions', async () => {
  const going = new AbortController();
  const stream = (workspace: string) =>
    world.database.stream('SELECT number FROM numbers(100000000)', { workspace }, going.signal);
  const open = await Promise.all(Array.from({ length: STREAMS_MAX / 2 }, () => stream('busy')));
  let isThird = false;
  const third = stream('busy').then((rows) => {
    isThird = true;
    return rows;
  });
  const other = await stream('quiet');
  expect((await other.next()).done).toBe(false);
  expect(await world.database.rows('SELECT 1 AS one', { workspace: 'busy' })).toEqual([{ one: 1 }]);
  expect(isThird).toBe(false);
  // A stream that begins has to be read or closed: closing one makes room.
  await open[0]!.next();
  await open[0]!.return();
  await third;
  expect(isThird).toBe(true);
  going.abort();
});
