import pino from 'pino';
import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import { createDeliveryMetrics } from './metrics.ts';
import { Settler, type UpstreamStage } from './settler.ts';
import { DeliveryState } from './state.ts';

const position = (partition: number, state: StagePosition['state']): StagePosition => ({
  ...{ stage: 'people', topic: 'person-inputs', partition, position: 1, end: 9, logTimeMs: null, earliestDueMs: null },
  state,
  ...(state === 'stopped' ? { stopReason: 'failing_record' as const, failingOffset: 1 } : {}),
});

/** A settler of partition 1 before one stage, which passes when the test says so. */
function world(positions: StagePosition[]) {
  const clock = new ManualClock();
  const state = new DeliveryState();
  const ending = new AbortController();
  const registry = new Registry();
  const lines: Record<string, unknown>[] = [];
  const settled: number[] = [];
  let passes: () => void = () => undefined;
  let begun = 0;
  const stage: UpstreamStage = {
    name: 'people',
    partitions: [1],
    pass: () => {
      begun++;
      return new Promise((resolve) => (passes = resolve));
    },
    ask: () => Promise.resolve(positions),
  };
  const settler = new Settler({
    ...{ partition: 1, stages: [stage], state, clock, signal: ending.signal, wake: () => undefined },
    append: (_workspace, t0) => Promise.resolve(void settled.push(t0)),
    logger: pino(
      { level: 'warn' },
      { write: (line: string) => void lines.push(JSON.parse(line) as (typeof lines)[0]) },
    ),
    metrics: createDeliveryMetrics(registry),
  });
  const metric = async (name: string): Promise<number | undefined> =>
    (await registry.getSingleMetric(name)?.get())?.values[0]?.value;
  return {
    clock,
    state,
    settled,
    settler,
    lines,
    metric,
    pass: () => passes(),
    passes: () => begun,
    end: () => ending.abort(),
  };
}

it('says which partition of a stage holds messages back, and why, until it goes on', async () => {
  const { clock, state, settled, settler, lines, metric, pass, end } = world([
    position(0, 'stopped'),
    position(1, 'stopped'),
  ]);
  state.addSettle('acme', { due_at: clock.wallMs() });
  settler.pump();
  await clock.advance(9_999);
  expect([lines, await metric('delivery_blocked')]).toEqual([[], 0]);
  await clock.advance(1);
  // The stopped partition 0 does not matter to the workspaces of partition 1.
  expect(lines).toMatchObject([
    { level: 50, stage: 'people', upstream: 1, stopReason: 'failing_record', failingOffset: 1, seconds: 10 },
  ]);
  expect([await metric('delivery_blocked'), (await metric('delivery_settling_since_seconds'))! > 0]).toEqual([1, true]);
  pass();
  await clock.advance(0);
  expect([settled.length, state.settle]).toEqual([1, null]);
  expect([await metric('delivery_blocked'), await metric('delivery_settling_since_seconds')]).toEqual([0, 0]);
  await clock.advance(60_000);
  expect(lines).toHaveLength(1);
  end();
});

it('says that no process of a stage answers', async () => {
  const { clock, state, settler, lines, end } = world([]);
  state.addSettle('acme', { due_at: clock.wallMs() });
  settler.pump();
  await clock.advance(10_000);
  expect(lines).toMatchObject([{ level: 40, stage: 'people', seconds: 10 }]);
  end();
});

it('a message that falls due during a probe gets a probe of its own', async () => {
  const { clock, state, settled, settler, pass, end } = world([]);
  const startMs = clock.wallMs();
  state.addSettle('acme', { due_at: startMs });
  settler.pump();
  await clock.advance(100);
  state.addSettle('acme', { due_at: startMs + 100 });
  settler.pump();
  await clock.advance(0);
  pass();
  await clock.advance(0);
  expect(settled).toEqual([startMs + 100]);
  expect(state.settle).toBeNull();
  end();
});

it('begins a probe every 30 ms while messages follow each other, and none once they do not', async () => {
  const { clock, state, settled, settler, passes, end } = world([]);
  for (let i = 0; i < 100; i++) {
    state.addSettle('acme', { due_at: clock.wallMs() });
    settler.pump();
    await clock.advance(10);
  }
  // As many as may be under way.
  expect(passes()).toBe(6);
  end();
  expect(settled).toEqual([]);
});

it('begins fewer probes when they take long', async () => {
  const { clock, state, settled, settler, pass, passes, end } = world([]);
  state.addSettle('acme', { due_at: clock.wallMs() });
  settler.pump();
  await clock.advance(800);
  pass();
  await clock.advance(0);
  const before = passes();
  for (let i = 0; i < 55; i++) {
    state.addSettle('acme', { due_at: clock.wallMs() });
    settler.pump();
    await clock.advance(10);
  }
  // One every 200 ms.
  expect([settled.length, passes() - before]).toEqual([1, 3]);
  end();
});

it('one message begins one probe', async () => {
  const { clock, state, settler, passes, end } = world([]);
  state.addSettle('acme', { due_at: clock.wallMs() });
  for (let i = 0; i < 20; i++) {
    settler.pump();
    await clock.advance(10);
  }
  expect(passes()).toBe(1);
  end();
});
