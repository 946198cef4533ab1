import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { Checkpoints } from './checkpoints.ts';
import { Cursor } from './cursor.ts';
import { Ledger } from './ledger.ts';
import { MemoryDatabase } from './testing.ts';

const HOUR_MS = 3_600_000;

function open() {
  const clock = new ManualClock();
  const database = new MemoryDatabase();
  const ledger = new Ledger({ database, topic: 't', clock });
  const checkpoints = new Checkpoints({ ledger, topic: 't', clock, logger: createLogger('test', 'silent') });
  const cursorAt = (partition: number, next: number): Cursor<unknown> => {
    const cursor = new Cursor<unknown>(partition);
    cursor.open({ first: 0, next, blocks: 0 }, 100_000, clock.elapsedMs());
    return cursor;
  };
  return { clock, database, checkpoints, cursorAt };
}

function writeBlocks(cursor: Cursor<unknown>, count: number): void {
  for (let i = 0; i < count; i++) {
    const offset = cursor.nextToRead;
    cursor.read({ offset, timestampMs: 0, value: Buffer.alloc(0), body: null });
    cursor.gather();
    cursor.submit();
    cursor.complete({ first: offset, last: offset, records: 1, crc: 0, logTimeMs: 0, record: null }, 0);
  }
}

it('are due after a thousand blocks, or after an hour if there was one', async () => {
  const { clock, checkpoints, cursorAt } = open();
  const [busy, quiet, idle] = [cursorAt(0, 0), cursorAt(1, 0), cursorAt(2, 0)];
  writeBlocks(busy, 999);
  writeBlocks(quiet, 1);
  expect([busy, quiet, idle].filter((cursor) => checkpoints.isDue(cursor))).toEqual([]);
  writeBlocks(busy, 1);
  expect(checkpoints.isDue(busy)).toBe(true);
  await checkpoints.write([busy]);
  expect(checkpoints.isDue(busy)).toBe(false);
  await clock.advance(HOUR_MS + 1);
  expect([busy, quiet, idle].map((cursor) => checkpoints.isDue(cursor))).toEqual([false, true, false]);
});

it('are due a minute after markers were read behind the ledger', async () => {
  const { clock, database, checkpoints, cursorAt } = open();
  const cursor = cursorAt(0, 10);
  cursor.readTo(12);
  await clock.advance(60_000);
  expect(checkpoints.isDue(cursor)).toBe(false);
  await clock.advance(1);
  expect(checkpoints.isDue(cursor)).toBe(true);
  await checkpoints.write([cursor]);
  expect(database.ledger).toMatchObject([{ checkpoint: true, first_offset: 0, last_offset: 11 }]);
  expect([checkpoints.isDue(cursor), cursor.hasMarkersBehind]).toEqual([false, false]);
});

it('are one append for several partitions; a failed one is not retried at once', async () => {
  const { clock, database, checkpoints, cursorAt } = open();
  const cursors = [cursorAt(0, 0), cursorAt(1, 0)];
  for (const cursor of cursors) writeBlocks(cursor, 1);
  await clock.advance(HOUR_MS + 1);
  database.refuse = () => true;
  await checkpoints.write(cursors);
  expect(cursors.map((cursor) => [cursor.blocksSinceCheckpoint, checkpoints.isDue(cursor)])).toEqual([
    [1, false],
    [1, false],
  ]);
  database.refuse = () => false;
  await clock.advance(HOUR_MS + 1);
  await checkpoints.write(cursors);
  expect(database.ledger.map(({ partition, last_offset }) => [partition, last_offset])).toEqual([
    [0, 0],
    [1, 0],
  ]);
});

it('are not due for a stopped partition', async () => {
  const { clock, checkpoints, cursorAt } = open();
  const cursor = cursorAt(0, 0);
  writeBlocks(cursor, 1);
  cursor.stop('broken', 0);
  await clock.advance(HOUR_MS + 1);
  expect(checkpoints.isDue(cursor)).toBe(false);
});
