import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import type { StageWatcher } from '../../lib/freshness/index.ts';
import type { StagePosition } from '../../lib/telemetry/index.ts';
import type { ApiDeps } from './deps.ts';
import { stagesNow } from './status.ts';

const URL = 'http://127.0.0.1:7013';
const position = (partition: number, change: Partial<StagePosition> = {}): StagePosition => ({
  ...{ stage: 'carts', topic: 'cart-events', partition, position: 7, end: 9, logTimeMs: null, earliestDueMs: null },
  ...{ state: 'running', ...change },
});

/** What the API learns from Kafka and from the members of a stage that has these positions. */
function depsWith(positions: StagePosition[]): ApiDeps {
  const watcher = (name: string): Partial<StageWatcher> => ({
    stage: { name, topic: 'cart-events' } as StageWatcher['stage'],
    members: [{ url: URL, reachable: true, partitions: [0, 1, 2] }] as unknown as StageWatcher['members'],
    ask: () => Promise.resolve(name === 'carts' ? positions : []),
  });
  const freshness = { watchers: [watcher('carts')], passedMs: new Map() };
  return {
    clock: new ManualClock(),
    kafka: { endOffsets: () => Promise.resolve([9, 9, 9]) },
    freshness,
    audiences: { watchers: [] },
    relay: watcher('relay'),
    flows: [],
    healthUrl: URL,
    ingestInternalUrl: 'http://127.0.0.1:9',
  } as unknown as ApiDeps;
}

describe('the status of a stage', () => {
  it('says for each partition why it is stopped, if its process says so', async () => {
    const stages = await stagesNow(
      depsWith([
        position(0),
        position(1, {
          ...{ state: 'stopped', stopReason: 'failing_record', failingOffset: 7, failingPart: 'deadline' },
        }),
        position(2, { state: 'stopped', stopReason: 'input_unusable', stopDetail: 'offsets were deleted' }),
      ]),
    );
    const carts = stages.find(({ stage }) => stage === 'carts')!;
    expect(carts.state).toBe('stopped');
    expect(carts.partitions.map(({ problem }) => problem)).toEqual([
      null,
      { reason: 'failing_record', offset: 7, part: 'deadline', detail: null },
      { reason: 'input_unusable', offset: null, part: null, detail: 'offsets were deleted' },
    ]);
  });

  it('has no problem to name for a partition that no process reports', async () => {
    const relay = (await stagesNow(depsWith([]))).find(({ stage }) => stage === 'relay')!;
    expect(relay.partitions[0]).toMatchObject({ state: 'stopped', position: null, lag: null, problem: null });
  });
});
