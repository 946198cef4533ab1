import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { CHAIN } from '../../lib/freshness/index.ts';
import type { StagePosition, StageState } from '../../lib/telemetry/index.ts';
import { ImportPacer } from './import-pacer.ts';
import { ingestMetrics } from './metrics.ts';

const MAX_LAG = 1_000;
const [carts, people, sink] = CHAIN.map(({ topic }) => topic) as [string, string, string];

let clock: ManualClock;
let ends: Map<string, number[]>;
let positions: Map<string, { position: number | null; state: StageState }[]>;
let questions: number;
let isAway: boolean;
let warnings: object[];
let pacer: ImportPacer;
beforeEach(() => {
  clock = new ManualClock();
  ends = new Map(CHAIN.map(({ topic }) => [topic, [0, 0]]));
  positions = new Map(CHAIN.map(({ topic }) => [topic, [0, 0].map((position) => ({ position, state: 'running' }))]));
  questions = 0;
  isAway = false;
  warnings = [];
  pacer = new ImportPacer({
    stages: CHAIN.map((stage) => ({ stage, ask: () => Promise.resolve(positionsOf(stage.topic)) })),
    endOffsets: (topic) => {
      questions++;
      return isAway ? Promise.reject(new Error('no answer')) : Promise.resolve([...ends.get(topic)!]);
    },
    maxLagRecords: MAX_LAG,
    metrics: ingestMetrics(new Registry()),
    logger: { warn: (fields: object) => void warnings.push(fields) } as never,
    clock,
  });
});

function positionsOf(topic: string): StagePosition[] {
  return positions.get(topic)!.map(({ position, state }, partition) => ({
    ...{ stage: 'any', topic, partition, position, state, end: null, logTimeMs: null, earliestDueMs: null },
  }));
}
/** The number of sends of 400 records that are let through within a time. */
async function taken(withinMs: number, sends: Promise<void>[]): Promise<number> {
  let count = 0;
  for (const send of sends) void send.then(() => count++);
  await clock.advance(withinMs);
  return count;
}
const sends = (count: number): Promise<void>[] => Array.from({ length: count }, () => pacer.take(400));

describe('imports', () => {
  it('take as many records as the stage with the largest lag leaves, and more once it has processed them', async () => {
    const waiting = sends(6);
    expect(await taken(0, waiting)).toBe(3);
    ends.set(people, [600, 600]);
    expect(await taken(1_000, waiting)).toBe(3);
    positions.set(
      people,
      [600, 200].map((position) => ({ position, state: 'running' })),
    );
    expect(await taken(100, waiting)).toBe(5);
    positions.set(
      people,
      [600, 600].map((position) => ({ position, state: 'running' })),
    );
    expect(await taken(100, waiting)).toBe(6);
  });

  it('share what may be taken in the order in which they ask', async () => {
    ends.set(sink, [5_000, 0]);
    const order: string[] = [];
    for (const name of ['a', 'b', 'a', 'b', 'a']) void pacer.take(400).then(() => order.push(name));
    await clock.advance(500);
    expect(order).toEqual([]);
    positions.set(
      sink,
      [5_000, 0].map((position) => ({ position, state: 'running' })),
    );
    await clock.advance(100);
    expect(order).toEqual(['a', 'b', 'a']);
  });

  it('do not wait for a stopped partition, which is reported once', async () => {
    ends.set(carts, [9_000, 0]);
    positions.set(carts, [
      { position: 0, state: 'stopped' },
      { position: 0, state: 'running' },
    ]);
    expect(await taken(300, sends(5))).toBe(5);
    expect(warnings).toEqual([{ stage: 'carts', topic: carts, partition: 0 }]);
  });

  it('wait for a partition that moves to another process, but not for ever', async () => {
    await taken(1_000, sends(1));
    ends.set(people, [9_000, 0]);
    positions.set(people, []);
    const waiting = sends(1);
    expect(await taken(28_000, waiting)).toBe(0);
    expect(await taken(2_000, waiting)).toBe(1);
  });

  it('still wait for what was behind when the stages cannot be measured any more', async () => {
    ends.set(people, [9_000, 0]);
    const waiting = sends(1);
    expect(await taken(500, waiting)).toBe(0);
    isAway = true;
    expect(await taken(5_000, waiting)).toBe(0);
  });

  it('measure nothing while none of them sends, and do not rely on what was measured before', async () => {
    await taken(1_000, sends(1));
    const before = questions;
    await clock.advance(60_000);
    expect(questions).toBe(before);
    ends.set(sink, [9_000, 0]);
    expect(await taken(500, sends(1))).toBe(0);
  });
});
