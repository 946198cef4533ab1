import { describe, expect, it } from 'vitest';
import { rowEncoder, uint8 } from '../../lib/clickhouse/rowbinary.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import { createLogger, createMetrics } from '../../lib/telemetry/index.ts';
import { Block } from './block.ts';
import { Ledger } from './ledger.ts';
import { createSinkMetrics } from './metrics.ts';
import { MemoryDatabase, recordOf } from './testing.ts';
import { BlockWriter } from './writer.ts';

const first = rowEncoder('first', { a: uint8 });
const second = rowEncoder('second', { a: uint8 });

function open(details: string[] = []) {
  const clock = new ManualClock();
  const database = new MemoryDatabase();
  const ending = new AbortController();
  const ledger = new Ledger({ database, topic: 't', clock });
  const writer = new BlockWriter({
    ...{ database, ledger, clock, topic: 't', signal: ending.signal },
    logger: createLogger('test', 'silent'),
    metrics: createSinkMetrics(createMetrics()),
  });
  const tables = ['first', 'second'].filter((table) => !details.includes(table));
  const block = new Block(tables, details);
  block.add(first, { a: 1 });
  block.add(second, { a: 2 });
  block.count(0, { ...recordOf(5, 'x'), value: Buffer.from('x') }, 0);
  return { clock, database, ending, writer, block, wanted: new AbortController() };
}

describe('BlockWriter', () => {
  it('inserts all tables side by side, and retries only the one that was refused', async () => {
    const { clock, database, writer, block, wanted } = open();
    let isRefused = true;
    database.refuse = (request) => request === 'first' && isRefused;
    const written = writer.insertTables(block, wanted.signal);
    await clock.advance(1_000);
    expect(database.inserts.map(({ table }) => table)).toEqual(['second']);
    expect(writer.healthy).toBe(false);
    isRefused = false;
    await clock.advance(5_000);
    expect(await written).toBe(true);
    expect(database.inserts.map(({ table }) => table)).toEqual(['second', 'first']);
    expect(writer.healthy).toBe(true);
  });

  it('deletes what is erased once all rows are inserted, details too, and again until ClickHouse accepts it', async () => {
    const { clock, database, writer, block, wanted } = open(['second']);
    const version = { logTimeMs: 5, inputOffset: 6, outputOffset: 7 };
    block.erase('w', version, { carts: ['c'], people: [1], identifiers: [] });
    block.erase('w', { ...version, outputOffset: 8 }, { carts: ['d', 'c'], people: [], identifiers: ['i'] });
    block.erase('v', version, { carts: ['c'], people: [], identifiers: [] });
    let isRefused = true;
    database.refuse = (request) => request === (isRefused ? 'second' : 'erasure');
    await writer.insertTables(block, wanted.signal);
    const written = writer.finish([block], wanted.signal);
    await clock.advance(1_000);
    expect(database.erasures).toEqual([]);
    isRefused = false;
    await clock.advance(5_000);
    expect(database.inserts).toHaveLength(2);
    expect([writer.healthy, database.ledger]).toEqual([false, []]);
    database.refuse = () => false;
    await clock.advance(5_000);
    expect(await written).toBe(true);
    const cause = { logTimeMs: 5, inputOffset: 6 };
    expect(database.erasures).toEqual([
      { workspace: 'w', cause, carts: new Set(['c', 'd']), people: new Set([1]), identifiers: new Set(['i']) },
      { workspace: 'v', cause, carts: new Set(['c']), people: new Set(), identifiers: new Set() },
    ]);
  });

  it('inserts people before the other tables where ids come to belong to others', async () => {
    const { clock, database, writer, wanted } = open();
    const people = rowEncoder('people', { a: uint8 });
    const block = new Block(['first', 'people']);
    block.add(first, { a: 1 });
    block.add(people, { a: 2 });
    block.count(0, { ...recordOf(5, 'x'), value: Buffer.from('x') }, 0);
    block.writePeopleFirst();
    let isRefused = true;
    database.refuse = (request) => request === 'people' && isRefused;
    const written = writer.insertTables(block, wanted.signal);
    await clock.advance(1_000);
    expect(database.inserts).toEqual([]);
    isRefused = false;
    await clock.advance(5_000);
    expect(await written).toBe(true);
    expect(database.inserts.map(({ table }) => table)).toEqual(['people', 'first']);
  });

  it('waits longer after each failure, up to five seconds', async () => {
    const { clock, database, writer, block, wanted } = open();
    const attemptsMs: number[] = [];
    database.refuse = (request) => {
      if (request === 'ledger') attemptsMs.push(clock.elapsedMs());
      return true;
    };
    const written = writer.finish([block], wanted.signal);
    await clock.advance(20_000);
    const pausesMs = attemptsMs.slice(1).map((at, index) => at - attemptsMs[index]!);
    expect(pausesMs).toEqual([100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
    wanted.abort();
    expect(await written).toBe(false);
  });

  it('completes blocks with one insert for each table of details, before their rows of the ledger', async () => {
    const { clock, database, writer, wanted } = open();
    const blocks = [1, 2].map((a) => {
      const block = new Block(['first'], ['second']);
      block.add(first, { a });
      block.add(second, { a });
      block.count(0, { ...recordOf(a, 'x'), value: Buffer.from('x') }, 0);
      return block;
    });
    for (const block of blocks) await writer.insertTables(block, wanted.signal);
    expect(database.inserts.map(({ table }) => table)).toEqual(['first', 'first']);
    database.refuse = (request) => request === 'second';
    const finished = writer.finish(blocks, wanted.signal);
    await clock.advance(1_000);
    expect(database.ledger).toEqual([]);
    database.refuse = () => false;
    await clock.advance(5_000);
    expect(await finished).toBe(true);
    const { table, rows, body } = database.inserts.at(-1)!;
    expect([table, rows, [...body]]).toEqual(['second', 2, [1, 2]]);
    expect(database.blocks).toEqual([
      [0, 1, 1, 1],
      [0, 2, 2, 1],
    ]);
  });

  it('inserts the tables of details one after another', async () => {
    const { clock, database, writer, block, wanted } = open(['first', 'second']);
    database.refuse = (request) => request === 'first';
    const finished = writer.finish([block], wanted.signal);
    await clock.advance(1_000);
    expect(database.inserts).toEqual([]);
    database.refuse = () => false;
    await clock.advance(5_000);
    expect(await finished).toBe(true);
    expect(database.inserts.map(({ table }) => table)).toEqual(['first', 'second']);
  });

  it('gives up when the block is not wanted any more, and is healthy then', async () => {
    const { clock, database, writer, block, wanted } = open();
    database.refuse = (request) => request === 'second';
    const written = writer.insertTables(block, wanted.signal);
    await clock.advance(1_000);
    wanted.abort();
    expect([await written, writer.healthy]).toEqual([false, true]);
  });

  it('gives up when its requests are ended', async () => {
    const { clock, database, ending, writer, block, wanted } = open();
    database.refuse = () => true;
    ending.abort();
    const written = writer.finish([block], wanted.signal);
    await clock.advance(0);
    expect([await written, writer.healthy, database.ledger]).toEqual([false, true, []]);
  });
});
