import { Registry } from 'prom-client';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { CHAIN } from '../../lib/freshness/index.ts';
import type { StagePosition, StageState } from '../../lib/telemetry/index.ts';
import { ImportPacer } from './import-pacer.ts';
import { ingestMetrics } from './metrics.ts';

const TARGET_MS = 500;
/** Records that imports may send each second while a stage is far behind. */
const MIN_RATE = 50;
/** Records that an import may send before anything is measured. */
const FIRST_WINDOW = 500;
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
    stages: CHAIN.map((stage) => new Watcher(stage)),
    endOffsets: (topic) => {
      questions++;
      return isAway ? Promise.reject(new Error('no answer')) : Promise.resolve([...ends.get(topic)!]);
    },
    targetDelayMs: TARGET_MS,
    metrics: ingestMetrics(new Registry()),
    logger: { warn: (fields: object) => void warnings.push(fields) } as never,
    clock,
  });
  pacer.noteWebhook();
});

/** With its method in the prototype, as the real one has it. */
class Watcher {
  constructor(readonly stage: (typeof CHAIN)[number]) {}

  ask(): Promise<StagePosition[]> {
    return Promise.resolve(positionsOf(this.stage.topic));
  }
}

function positionsOf(topic: string): StagePosition[] {
  return positions.get(topic)!.map(({ position, state }, partition) => ({
    ...{ stage: 'any', topic, partition, position, state, end: null, logTimeMs: null, earliestDueMs: null },
  }));
}

const at = (...offsets: number[]) => offsets.map((position) => ({ position, state: 'running' as const }));

/** An import that sends 10 records at a time; returns how many it has sent so far. */
function importing(): () => number {
  let sent = 0;
  void (async () => {
    for (;;) {
      await pacer.take(10);
      sent += 10;
    }
  })();
  return () => sent;
}

/** Records that are sent within a time. */
async function sentWithin(ms: number, sent: () => number): Promise<number> {
  const before = sent();
  await clock.advance(ms);
  return sent() - before;
}

describe('imports', () => {
  it('become faster while nothing is delayed, and much slower while a stage is behind', async () => {
    const sent = importing();
    const first = await sentWithin(1_000, sent);
    expect(await sentWithin(1_000, sent)).toBeGreaterThan(2 * first);
    ends.set(people, [600, 600]);
    await clock.advance(1_500);
    expect(await sentWithin(1_000, sent)).toBeLessThanOrEqual(MIN_RATE + 10);
    positions.set(people, at(600, 600));
    await clock.advance(200);
    expect(await sentWithin(1_000, sent)).toBeGreaterThan(first);
  });

  it('wait for the delays of all stages together', async () => {
    const sent = importing();
    await clock.advance(1_000);
    for (let end = 1; end <= 30; end++) {
      // What each stage has not processed has been waiting for 300 ms.
      for (const topic of [carts, people, sink]) {
        ends.set(topic, [end, 0]);
        positions.set(topic, at(Math.max(0, end - 4), 0));
      }
      await clock.advance(100);
    }
    const before = await sentWithin(0, sent);
    expect(before).toBe(0);
    const rate = await sentWithin(100, sent);
    expect(rate).toBeLessThan(100);
  });

  it('may cause a longer delay once there have been no webhooks for a while, until the next one', async () => {
    /** What the first stage has not processed has been waiting for about 2 s, four times the target. */
    let end = 0;
    const delayed = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 100) {
        end++;
        ends.set(carts, [end, 0]);
        positions.set(carts, at(Math.max(0, end - 20), 0));
        await clock.advance(100);
      }
    };
    const delayedAndSent = async (sent: () => number): Promise<number> => {
      const before = sent();
      await delayed(1_000);
      return sent() - before;
    };
    const sent = importing();
    await delayed(20_000);
    const alone = await delayedAndSent(sent);
    for (let second = 0; second < 10; second++) {
      pacer.noteWebhook();
      await delayed(1_000);
    }
    expect(await delayedAndSent(sent)).toBeLessThan(alone / 4);
  });

  it('share what may be sent in the order in which they ask', async () => {
    const order: string[] = [];
    for (const name of ['a', 'b', 'a', 'b', 'a']) void pacer.take(40).then(() => order.push(name));
    await clock.advance(1_000);
    expect(order).toEqual(['a', 'b', 'a', 'b', 'a']);
  });

  it('pay later for a send that is larger than what may be sent', async () => {
    ends.set(sink, [9_000, 0]);
    await pacer.take(1_000_000);
    let isSent = false;
    void pacer.take(1).then(() => (isSent = true));
    await clock.advance(2_000);
    expect(isSent).toBe(false);
  });

  it('do not wait for a stopped partition, which is reported once', async () => {
    ends.set(carts, [9_000, 0]);
    positions.set(carts, [
      { position: 0, state: 'stopped' },
      { position: 0, state: 'running' },
    ]);
    const sent = importing();
    await clock.advance(1_000);
    expect(await sentWithin(1_000, sent)).toBeGreaterThan(1_000);
    expect(warnings).toEqual([{ stage: 'carts', topic: carts, partition: 0 }]);
  });

  it('wait for a partition that moves to another process, but not for ever', async () => {
    const sent = importing();
    await clock.advance(1_000);
    ends.set(people, [9_000, 0]);
    positions.set(people, []);
    await clock.advance(2_000);
    const before = sent();
    for (let second = 0; second < 26; second++) {
      pacer.noteWebhook();
      await clock.advance(1_000);
    }
    expect(sent() - before).toBeLessThanOrEqual(26 * MIN_RATE + 10);
    await clock.advance(3_000);
    expect(await sentWithin(1_000, sent)).toBeGreaterThan(1_000);
  });

  it('wait for a partition whose position nobody knows yet', async () => {
    ends.set(people, [9_000, 0]);
    positions.set(people, [
      { position: null, state: 'restoring' },
      { position: 0, state: 'running' },
    ]);
    const sent = importing();
    await clock.advance(1_200);
    expect(await sentWithin(1_000, sent)).toBeLessThanOrEqual(MIN_RATE + 10);
  });

  it('still wait for what was behind when the stages cannot be measured any more', async () => {
    ends.set(people, [9_000, 0]);
    const sent = importing();
    await clock.advance(1_200);
    isAway = true;
    expect(await sentWithin(5_000, sent)).toBeLessThanOrEqual(5 * MIN_RATE + 10);
  });

  it('wait for stages that have never been measured, but not for ever, and say why', async () => {
    isAway = true;
    const sent = importing();
    expect(await sentWithin(29_000, sent)).toBeLessThanOrEqual(FIRST_WINDOW + 29 * MIN_RATE + 10);
    expect(warnings).toMatchObject(CHAIN.map(({ name }) => ({ stage: name, err: { message: 'no answer' } })));
    await clock.advance(2_000);
    expect(await sentWithin(1_000, sent)).toBeGreaterThan(500);
  });

  it('measure nothing while none of them sends, and begin slowly after that', async () => {
    for (let i = 0; i < 200; i++) await Promise.all([pacer.take(10), clock.advance(100)]);
    await clock.advance(300);
    const before = questions;
    await clock.advance(60_000);
    expect(questions).toBe(before);
    ends.set(sink, [9_000, 0]);
    const sent = importing();
    expect(await sentWithin(0, sent)).toBe(FIRST_WINDOW);
  });
});
