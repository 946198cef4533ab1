import { expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import type { StagePosition } from '../telemetry/index.ts';
import { SINK } from './stages.ts';
import { StageWatcher } from './watcher.ts';

it('reports how far the partitions were when they had passed', async () => {
  const clock = new ManualClock();
  const positions = new Map([0, 1].map((partition) => [partition, 0]));
  const watcher = new StageWatcher(SINK, {
    clock,
    kafka: {
      describeGroup: () =>
        Promise.resolve({ state: 'Stable', members: [{ memberId: 'm', url: 'http://sink', partitions: [0, 1] }] }),
    },
    positionsOf: () =>
      Promise.resolve(
        [...positions].map(([partition, position]): StagePosition => {
          const log = { end: null, logTimeMs: null, earliestDueMs: null };
          return { ...{ stage: 'sink', topic: SINK.topic, partition, position }, ...log, state: 'running' };
        }),
      ),
  });
  const passed = watcher.pass([5, 5], { signal: new AbortController().signal, partitions: [1] });
  await clock.advance(100);
  positions.set(1, 8);
  await clock.advance(1_000);
  expect([...(await passed).positions]).toEqual([[1, 8]]);
});
