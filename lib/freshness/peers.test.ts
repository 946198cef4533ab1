import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../clock/index.ts';
import { createLogger, createMetrics, serveHealth, type HealthServer, type StagePosition } from '../telemetry/index.ts';
import { positionsBy } from './peers.ts';

describe('positionsBy', () => {
  let server: HealthServer | undefined;
  afterEach(() => server?.close());

  it('returns the positions as the member reports them, with what a partition has stopped on', async () => {
    const known = { stage: 'carts', topic: 'cart-events', logTimeMs: 1, earliestDueMs: null };
    const positions: StagePosition[] = [
      { ...known, partition: 0, position: 7, end: 9, state: 'running' },
      { ...known, partition: 1, position: null, end: null, state: 'waiting' },
      {
        ...{ ...known, partition: 2, position: 7, end: 9, state: 'stopped' },
        ...{ stopReason: 'failing_record', failingOffset: 7, failingPart: 'deadline' },
      },
      {
        ...known,
        partition: 3,
        position: 7,
        end: 9,
        state: 'stopped',
        stopReason: 'input_unusable',
        stopDetail: 'a gap',
      },
    ];
    server = await serveHealth({
      host: '127.0.0.1',
      logger: createLogger('test', 'silent'),
      metrics: createMetrics(),
      ready: () => true,
      positions: () => positions,
    });
    expect(await positionsBy(systemClock)(server.url)).toEqual(positions);
  });
});
