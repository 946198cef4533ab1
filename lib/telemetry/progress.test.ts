import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import type { StagePosition } from './positions.ts';
import { Progress, targetOf, targetQuery, type Target } from './progress.ts';

const at = (partition: number, position: number | null, state: StagePosition['state'] = 'running'): StagePosition => ({
  ...{ stage: 'people', topic: 'person-inputs', partition, position },
  ...{ end: null, logTimeMs: null, earliestDueMs: null, state },
});
const target = (offsets: [number, number][], waitMs = 200): Target => ({
  topic: 'person-inputs',
  offsets: new Map(offsets),
  waitMs,
});

describe('a target in a query string', () => {
  it('is read as it was written', () => {
    const wanted = target([
      [3, 17],
      [0, 9_007_199_254_740_991],
    ]);
    expect(targetOf(new URLSearchParams(targetQuery(wanted)))).toEqual(wanted);
    expect(targetOf(new URLSearchParams(''))).toBeNull();
  });

  it.each([
    ['topic=a', 'offsets'],
    ['topic=a&offsets=0', 'offsets'],
    ['topic=a&offsets=0:1,', 'offsets'],
    ['topic=a&offsets=0:-1', 'offsets'],
    ['topic=a&offsets=0:1&wait_ms=1001', 'wait_ms'],
    ['topic=a&offsets=0:1&wait_ms=x', 'wait_ms'],
  ])('%s is refused', (query, named) => {
    expect(() => targetOf(new URLSearchParams(query))).toThrow(named);
  });
});

describe('a request that waits', () => {
  let clock: ManualClock;
  let positions: StagePosition[];
  let progress: Progress;
  beforeEach(() => {
    clock = new ManualClock();
    positions = [at(0, 5), at(1, 5), { ...at(0, 0), topic: 'cart-events' }];
    progress = new Progress(() => positions, clock);
    progress.announced();
  });

  async function move(partition: number, position: number): Promise<void> {
    positions = positions.map((now) =>
      now.topic === 'person-inputs' && now.partition === partition ? at(partition, position) : now,
    );
    progress.moved('person-inputs', partition, position);
    await clock.advance(0);
  }

  /** The answer, once there is one. */
  function ask(wanted: Target): { answer: StagePosition[] | null } {
    const asked: { answer: StagePosition[] | null } = { answer: null };
    void progress.reach(wanted).then((answer) => (asked.answer = answer));
    return asked;
  }

  it('is answered at once when the target is reached, with the partitions that it names', async () => {
    expect(await progress.reach(target([[1, 5]]))).toEqual([at(1, 5)]);
  });

  it('is answered when all partitions have reached it', async () => {
    const asked = ask(
      target([
        [0, 7],
        [1, 6],
      ]),
    );
    await move(0, 8);
    await move(1, 5);
    expect(asked.answer).toBeNull();
    // Another topic has the same partitions.
    progress.moved('cart-events', 1, 6);
    await clock.advance(0);
    expect(asked.answer).toBeNull();
    await move(1, 6);
    expect(asked.answer).toEqual([at(0, 8), at(1, 6)]);
    expect(clock.nextWakeMs).toBeNull();
  });

  it('is answered when its time is over', async () => {
    const asked = ask(target([[0, 7]]));
    await clock.advance(199);
    expect(asked.answer).toBeNull();
    await clock.advance(1);
    expect(asked.answer).toEqual([at(0, 5)]);
  });

  it('does not wait for partitions of other processes, nor before positions are announced', async () => {
    expect(await progress.reach(target([[7, 1]]))).toEqual([]);
    expect(await new Progress(() => positions, clock).reach(target([[0, 7]]))).toEqual([at(0, 5)]);
  });

  it('waits for a partition that does not run yet', async () => {
    positions = [at(0, 9, 'restoring')];
    const asked = ask(target([[0, 7]]));
    await clock.advance(10);
    expect(asked.answer).toBeNull();
    await move(0, 9);
    expect(asked.answer).toEqual([at(0, 9)]);
  });
});
