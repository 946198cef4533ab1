import { expect, it } from 'vitest';
import { BlockPacing } from './pacing.ts';

it('begins the first block at once, and one after some quiet', () => {
  const pacing = new BlockPacing({ intervalMs: 50, pauseMaxMs: 25 });
  expect(pacing.dueAtMs).toBeLessThanOrEqual(0);
  pacing.started(1_000);
  pacing.inserted(1_020);
  expect(pacing.dueAtMs).toBe(1_050);
});

it('leaves ClickHouse a pause of half the time that the last block took, within a limit', () => {
  const pacing = new BlockPacing({ intervalMs: 50, pauseMaxMs: 25 });
  pacing.started(1_000);
  pacing.inserted(1_040);
  expect(pacing.dueAtMs).toBe(1_060);
  pacing.started(2_000);
  pacing.inserted(7_000);
  expect(pacing.dueAtMs).toBe(7_025);
});
