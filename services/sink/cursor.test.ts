import { describe, expect, it } from 'vitest';
import type { BlockRange } from './block.ts';
import { Cursor, CURSOR_TRANSITIONS, type CursorState, type Message } from './cursor.ts';

const ledger = { first: 0, next: 10, blocks: 0 };
const message = (offset: number): Message<null> => ({ offset, timestampMs: 0, value: Buffer.alloc(0), body: null });
const rangeOf = (first: number, next: number): BlockRange => ({
  ...{ first, last: next - 1, records: 1, crc: 0, logTimeMs: 77, record: message(next - 1) },
});

function reading(): Cursor<null> {
  const cursor = new Cursor<null>(0);
  cursor.open(ledger, 100, 0);
  return cursor;
}
function read(cursor: Cursor<null>, ...offsets: number[]): Cursor<null> {
  for (const offset of offsets) cursor.read(message(offset));
  return cursor;
}
/** Reads offsets, gathers them and hands them over. */
function submit(cursor: Cursor<null>, ...offsets: number[]): { first: number; next: number } {
  read(cursor, ...offsets);
  for (const _ of offsets) cursor.gather();
  return cursor.submit();
}

describe('the states of a cursor', () => {
  const states = Object.keys(CURSOR_TRANSITIONS) as CursorState['name'][];
  const inState: Record<CursorState['name'], () => Cursor<null>> = {
    opening: () => {
      const cursor = reading();
      cursor.reopen();
      return cursor;
    },
    reading: () => reading(),
    stopped: () => {
      const cursor = reading();
      cursor.stop('broken', 1_000);
      return cursor;
    },
  };
  const moves: Record<CursorState['name'], ((cursor: Cursor<null>) => void)[]> = {
    opening: [(cursor) => cursor.reopen()],
    reading: [(cursor) => cursor.open(ledger, 100, 0)],
    stopped: [(cursor) => cursor.stop('broken', 1), (cursor) => cursor.refuse(ledger, 100, 'broken', 1)],
  };
  /** What no state after `opening` takes back. */
  const legal = (from: CursorState['name'], to: CursorState['name']): boolean => CURSOR_TRANSITIONS[from].includes(to);
  const pairs = states.flatMap((from) => states.map((to) => [from, to] as const));

  it('has the transitions that it was designed with', () => {
    expect(pairs.filter(([from, to]) => legal(from, to)).map((pair) => pair.join(' → '))).toEqual([
      'opening → reading',
      'opening → stopped',
      'reading → opening',
      'reading → stopped',
      'stopped → opening',
    ]);
  });

  it.each(pairs)('%s → %s', (from, to) => {
    for (const move of moves[to]) {
      const cursor = inState[from]();
      if (legal(from, to)) {
        move(cursor);
        expect(cursor.state.name).toBe(to);
      } else {
        expect(() => move(cursor)).toThrow(`"${from}" cannot become "${to}"`);
        expect(cursor.state.name).toBe(from);
      }
    }
  });

  it('keeps its problem until it is read again, and reports it as stopped', () => {
    const cursor = inState.stopped();
    expect([cursor.problem, cursor.stagePosition('t').state]).toEqual(['broken', 'stopped']);
    expect(cursor.stagePosition('t')).toMatchObject({ stopReason: 'input_unusable', stopDetail: 'broken' });
    cursor.reopen();
    expect([cursor.problem, cursor.stagePosition('t').state]).toEqual(['broken', 'stopped']);
    cursor.open(ledger, 100, 0);
    expect([cursor.problem, cursor.stagePosition('t').state]).toEqual([null, 'running']);
    cursor.reopen();
    expect([cursor.problem, cursor.stagePosition('t').state]).toEqual([null, 'restoring']);
  });

  it('has another owner after each opening', () => {
    const cursor = reading();
    const before = cursor.owner;
    cursor.reopen();
    cursor.open(ledger, 100, 0);
    expect(cursor.owner).not.toBe(before);
  });
});

describe('the position of a cursor', () => {
  it('is unknown until it was opened, then where the ledger ends', () => {
    const cursor = new Cursor<null>(3);
    expect(cursor.stagePosition('t')).toMatchObject({ partition: 3, position: null, end: null, state: 'restoring' });
    cursor.open(ledger, 100, 0);
    expect(cursor.stagePosition('t')).toMatchObject({ position: 10, end: 100, state: 'running' });
    cursor.reopen();
    expect(cursor.stagePosition('t')).toMatchObject({ position: 10, state: 'restoring' });
  });

  it('is where the ledger ends when the partition is refused', () => {
    const cursor = new Cursor<null>(0);
    cursor.refuse(ledger, 5, 'another log', 1_000);
    expect(cursor.stagePosition('t')).toMatchObject({ position: 10, end: 5, state: 'stopped' });
  });

  it('passes markers when nothing is pending', () => {
    const cursor = reading();
    cursor.readTo(14);
    expect([cursor.position, cursor.hasMarkersBehind]).toEqual([14, true]);
  });

  it.each<[string, (cursor: Cursor<null>) => void]>([
    ['held until its cause is complete', (cursor) => read(cursor, 12)],
    [
      'gathered',
      (cursor) => {
        read(cursor, 12);
        cursor.gather();
      },
    ],
    ['handed over', (cursor) => void submit(cursor, 12)],
  ])('stays at the end of the ledger while something is %s', (_, change) => {
    const cursor = reading();
    change(cursor);
    cursor.readTo(14);
    expect([cursor.position, cursor.isPending, cursor.hasMarkersBehind]).toEqual([10, true, false]);
  });
});

describe('the moves of a cursor', () => {
  it('go from read to gathered, submitted and complete', () => {
    const cursor = reading();
    expect(submit(cursor, 11, 12)).toEqual({ first: 10, next: 13 });
    read(cursor, 13);
    cursor.complete(rangeOf(10, 13), 5);
    expect(cursor.stagePosition('t')).toMatchObject({ position: 13, logTimeMs: 77 });
    expect(cursor.isPending).toBe(true);
    cursor.gather();
    expect(cursor.submit()).toEqual({ first: 13, next: 14 });
    cursor.complete(rangeOf(13, 14), 6);
    expect([cursor.position, cursor.isPending, cursor.blocksWritten]).toEqual([14, false, 2]);
  });

  it('let a block cover only what was gathered, not what is held', () => {
    const cursor = read(reading(), 10, 11);
    cursor.gather();
    read(cursor, 12);
    expect(cursor.submit()).toEqual({ first: 10, next: 11 });
  });

  it('forget what is held when it stops, and what is not durable when it is opened again', () => {
    const cursor = read(reading(), 10, 11);
    cursor.gather();
    cursor.stop('broken', 1_000);
    expect([cursor.nextToRead, cursor.isPending]).toEqual([11, true]);
    expect(cursor.submit()).toEqual({ first: 10, next: 11 });
    cursor.complete(rangeOf(10, 11), 0);
    expect([cursor.position, cursor.isPending]).toEqual([11, false]);
    cursor.reopen();
    cursor.open({ ...ledger, next: 11 }, 100, 0);
    expect(cursor.nextToRead).toBe(11);
  });

  it.each<[string, (cursor: Cursor<null>) => void, string]>([
    ['read a record twice', (cursor) => read(cursor, 10, 10), 'read twice'],
    [
      'read while stopped',
      (cursor) => {
        cursor.stop('broken', 1);
        read(cursor, 10);
      },
      'only a cursor in state "reading"',
    ],
    ['gather nothing', (cursor) => cursor.gather(), 'no message is held'],
    ['complete a block that leaves a gap', (cursor) => cursor.complete(rangeOf(11, 12), 0), 'does not continue'],
    [
      'complete a block twice',
      (cursor) => {
        submit(cursor, 10);
        cursor.complete(rangeOf(10, 11), 0);
        cursor.complete(rangeOf(10, 11), 0);
      },
      'does not continue',
    ],
    [
      'complete what was never handed over',
      (cursor) => {
        read(cursor, 10);
        cursor.complete(rangeOf(10, 11), 0);
      },
      'contradict each other',
    ],
    [
      'start at a ledger that begins after its end',
      (cursor) => restart(cursor, { first: 11 }),
      'contradict each other',
    ],
  ])('cannot %s', (_, move, problem) => {
    expect(() => move(reading())).toThrow(problem);
  });

  it('cannot be made before the first opening', () => {
    expect(() => new Cursor<null>(0).readTo(5)).toThrow('has not been opened');
    expect(() => new Cursor<null>(0).stop('broken', 1)).toThrow('has not been opened');
  });
});

function restart(cursor: Cursor<null>, change: Partial<typeof ledger>): void {
  cursor.reopen();
  cursor.open({ ...ledger, ...change }, 100, 0);
}

describe('the checkpoint of a cursor', () => {
  it('says what is durable, and the markers behind it when nothing is pending', () => {
    const cursor = reading();
    submit(cursor, 10);
    cursor.complete(rangeOf(10, 11), 0);
    cursor.readTo(15);
    expect(cursor.checkpoint()).toMatchObject({ first: 0, next: 15, mark: { offset: 10 } });
    read(cursor, 15);
    expect(cursor.checkpoint()).toMatchObject({ next: 11 });
  });

  it('lets the next block continue where it ends', () => {
    const cursor = reading();
    cursor.readTo(15);
    cursor.checkpointed(cursor.checkpoint(), cursor.blocksWritten);
    expect(submit(cursor, 15)).toEqual({ first: 15, next: 16 });
    cursor.complete(rangeOf(15, 16), 0);
    expect(cursor.position).toBe(16);
  });

  it('counts the blocks that were written after it was taken', () => {
    const cursor = reading();
    submit(cursor, 10);
    cursor.complete(rangeOf(10, 11), 0);
    const [checkpoint, blocks] = [cursor.checkpoint(), cursor.blocksWritten];
    submit(cursor, 11);
    cursor.complete(rangeOf(11, 12), 0);
    cursor.checkpointed(checkpoint, blocks);
    expect([cursor.blocksSinceCheckpoint, cursor.position]).toEqual([1, 12]);
  });
});
