import { expect, it } from 'vitest';
import { CommitPacing } from './commit-pacing.ts';

it('begins the first transaction at once, and the next one after half the time of the one before', () => {
  const pacing = new CommitPacing();
  expect(pacing.pauseMs(0)).toBeLessThanOrEqual(0);
  pacing.committed(100, 120, false);
  expect(pacing.pauseMs(120)).toBe(10);
  expect(pacing.pauseMs(127)).toBe(3);
  expect(pacing.pauseMs(130)).toBe(0);
});

it('pauses for whole milliseconds, and not for long', () => {
  const pacing = new CommitPacing();
  pacing.committed(0, 7, false);
  expect(pacing.pauseMs(7)).toBe(4);
  pacing.committed(1_000, 4_000, false);
  expect(pacing.pauseMs(4_000)).toBe(25);
});

it('does not pause after a full transaction: more is waiting', () => {
  const pacing = new CommitPacing();
  pacing.committed(0, 200, true);
  expect(pacing.pauseMs(200)).toBe(0);
});
