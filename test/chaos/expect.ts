import { expect } from 'vitest';
import type { Findings } from './chaos.ts';

/** What was sent and answered is what is counted: each trait event, per person, by previews, and by verify. */
export function expectExact({ seed, kills, ledger, missing, surplus, people, previews, verified }: Findings): void {
  // Without load, or without a failure that had an effect, it would show nothing: a broker that is gone has others lead what
  // it led; where there are no others, senders send again.
  expect(ledger.accepted).toBeGreaterThan(300);
  const takenOver = kills.flatMap(({ partitionsTakenOver }) => partitionsTakenOver ?? []);
  const lost = kills.flatMap(({ lostReplies }) => Object.values(lostReplies ?? {}));
  if (takenOver.length > 0) expect(Math.min(...takenOver)).toBeGreaterThan(0);
  else if (lost.length > 0) expect(lost.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(0);
  else expect(ledger.repeated).toBeGreaterThan(0);
  expect({ seed, missing, surplus }).toEqual({ seed, missing: [], surplus: [] });
  expect({ seed, people: people.counted }).toEqual({ seed, people: people.expected });
  for (const { audience, expected, counted } of previews) {
    expect({ seed, audience, counted }).toEqual({ seed, audience, counted: expected });
  }
  expect(verified).toBe('ok');
}
