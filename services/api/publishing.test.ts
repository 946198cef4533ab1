import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { Publishing } from './publishing.ts';

let clock: ManualClock;
/** What the two stages were asked, in order. */
let asked: string[];
/** Lets the relay pass. */
let passRelay: (() => void)[];
let isAway: boolean;
let warnings: number;
let publishing: Publishing;

beforeEach(() => {
  clock = new ManualClock();
  asked = [];
  passRelay = [];
  isAway = false;
  warnings = 0;
  publishing = new Publishing({
    clock,
    kafka: { endOffsets: (topic) => (isAway ? Promise.reject(new Error(`${topic} is away`)) : Promise.resolve([7])) },
    relay: {
      pass: (ends) => {
        asked.push(`relay ${ends.join()}`);
        return new Promise((resolve) => passRelay.push(() => resolve({ earliestDueMs: null, positions: new Map() })));
      },
    },
    freshness: {
      passed: (from, workspace, _, through) => {
        asked.push(`${from} of ${workspace} through ${through ?? ''}`);
        return Promise.resolve();
      },
    },
    logger: { warn: () => (warnings += 1) },
  });
});
afterEach(() => publishing.stop());

/** The relay's answer number `relay`, if given, arrives while the caller waits. */
async function passed(flows: string[], relay?: number): Promise<string[]> {
  const answer = publishing.passedOf('acme', flows, 250);
  await clock.advance(1);
  if (relay !== undefined) passRelay[relay]?.();
  await clock.advance(249);
  return [...(await answer)];
}

describe('a published flow', () => {
  it('has passed when the relay and then people have passed what was there', async () => {
    expect(await passed(['a'])).toEqual([]);
    expect(asked).toEqual(['relay 7']);
    passRelay[0]?.();
    expect(await passed(['a'])).toEqual(['a']);
    expect(asked).toEqual(['relay 7', 'people of acme through people']);
  });

  it('stays passed, and is asked for no more', async () => {
    expect(await passed(['a'], 0)).toEqual(['a']);
    expect(await passed(['a'])).toEqual(['a']);
    expect(asked).toHaveLength(2);
  });

  it('is not proven by a check that began before it was published', async () => {
    expect(await passed(['a'])).toEqual([]);
    expect(await passed(['a', 'b'], 0)).toEqual(['a']);
    expect(await passed(['a', 'b'], 1)).toEqual(['a', 'b']);
  });

  it('is checked again when Kafka did not answer', async () => {
    isAway = true;
    expect(await passed(['a'])).toEqual([]);
    expect(warnings).toBe(1);
    isAway = false;
    expect(await passed(['a'])).toEqual([]);
    passRelay[0]?.();
    expect(await passed(['a'])).toEqual(['a']);
  });
});
