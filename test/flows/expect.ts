import { expect } from 'vitest';
import type { KillsFindings } from './kills.ts';
import type { RacesFindings } from './races.ts';

/** Nobody who had bought in time got a message, everybody else got one, and the races were races. */
export function expectFair({ seed, wronged, missed, calledTwice, verified, ...counts }: RacesFindings): void {
  expect({ seed, wronged, missed, calledTwice }).toEqual({ seed, wronged: [], missed: [], calledTwice: [] });
  expect(verified).toBe('ok');
  // Otherwise nothing was shown: most checkouts must have been in time, and some behind a partition that was frozen.
  expect(counts.inTime).toBeGreaterThan(counts.late);
  expect(counts.heldBack).toBeGreaterThan(0);
}

/** No run is lost, each message has one outcome and one call at most, and the log explains everything. */
export function expectWhole({
  seed,
  lost,
  undecided,
  miscalled,
  differences,
  verified,
  ...counts
}: KillsFindings): void {
  expect({ seed, lost, undecided, miscalled }).toEqual({ seed, lost: [], undecided: [], miscalled: [] });
  expect({ seed, differences }).toEqual({ seed, differences: [] });
  expect(verified).toBe('ok');
  const { runs, outcomes, reported } = counts;
  expect(reported).toEqual({ entered: runs, ended: runs, sent: outcomes['sent'] });
  // A process that dies between a call and its answer leaves it unknown whether the message was sent; nothing else does.
  for (const outcome of Object.keys(outcomes))
    expect(['sent', 'unknown interrupted', 'skipped revoked']).toContain(outcome);
  expect(outcomes['sent']).toBeGreaterThan(runs / 2);
  expect(counts.ended['exited checkout']).toBeGreaterThan(0);
  expect(counts.frozen.length).toBeGreaterThan(0);
}
