import pino from 'pino';
import { Registry, type MetricValue } from 'prom-client';
import { expect } from 'vitest';
import { ManualClock } from '../../clock/testing.ts';
import { runTopology, type RunningTopology } from '../runtime.ts';
import type { TaskLimits } from '../limits.ts';
import type { ScriptedKafka } from './scripted-kafka.ts';
import { testTopology, type TestEvent } from '../testing.ts';
import type { Topology } from '../topology.ts';

/** What the tests of the runtime share: topologies on a scripted Kafka, and a clock that they move. */

const quiet = pino({ level: 'silent' });
export const running: RunningTopology[] = [];
export let clock = new ManualClock();

/** For beforeEach. */
export function resetClock(): void {
  clock = new ManualClock();
}

/** For afterEach. */
export async function stopAll(): Promise<void> {
  await ended(Promise.all(running.splice(0).map((r) => r.stop())));
}

export interface World {
  kafka: ScriptedKafka;
  runtime: RunningTopology;
  /** Every offset that the topology was given, by partition, in order. */
  folded: number[][];
}

export async function world(
  kafka: ScriptedKafka,
  change: Partial<Topology<TestEvent>> = {},
  metrics = new Registry(),
  logger = quiet,
  limits?: TaskLimits,
): Promise<World> {
  const base = testTopology('runtime');
  const folded: number[][] = kafka.ends.map(() => []);
  const topology: Topology<TestEvent> = {
    ...base,
    process(record, context) {
      folded[record.partition]!.push(record.offset);
      base.process(record, context);
    },
    ...change,
  };
  const runtime = await runTopology({
    topology,
    kafka: kafka.port,
    logger,
    clock,
    metrics,
    healthUrl: null,
    ...(limits === undefined ? {} : { limits }),
  });
  running.push(runtime);
  return { kafka, runtime, folded };
}

/** Moves the clock until `holds`; fails after five minutes of it. */
export async function until(holds: () => boolean): Promise<void> {
  for (let ms = 0; !holds(); ms += 5) {
    if (ms > 60_000) expect(holds()).toBe(true);
    await clock.advance(5);
  }
}

/** Moves the clock until the work has ended. */
export async function ended(work: Promise<unknown>): Promise<void> {
  let isOver = false;
  void work.finally(() => (isOver = true)).catch(() => undefined);
  await until(() => isOver);
  await work;
}

export const upTo = (end: number): number[] => Array.from({ length: end }, (_, offset) => offset);

export const stoppedIn = async (metrics: Registry): Promise<MetricValue<string>[]> =>
  (await metrics.getSingleMetric('streams_task_stopped')!.get()).values;
