/**
 * A back-test reads and plays people in groups, only those who may get a run, and only what may matter to them. It must say
 * what a plain play of everything says: `JT_RUNS` sets the number of generated pasts, `JT_SEED` the first.
 */
import { describe, expect, it } from 'vitest';
import type { Audience } from '../../lib/audiences/index.ts';
import { generatedFlow } from '../../lib/flows/testing/generated-flows.ts';
import { createRandom } from '../../lib/simulate/random.ts';
import { runBacktest, type BacktestRequest } from './backtest.ts';
import { databaseOf, FROM_MS, generatedPast, generatedSettings, TO_MS, WINDOW_MS } from './testing/past.ts';
import { HORIZON_MS, PlainPlay } from './testing/plain-play.ts';
import { threadsHere } from './testing/threads.ts';

const SEED = Number(process.env['JT_SEED'] ?? 1);
const RUNS = Number(process.env['JT_RUNS'] ?? 400);

const RECENT: Audience = { trait: 'cart_status_updated', time: { operator: 'in_last', amount: 1, unit: 'days' } };

describe(`generated pasts (JT_SEED=${SEED})`, () => {
  it(`${RUNS} of them give the report of a plain play`, async () => {
    const seen: Record<string, number> = {};
    const add = (what: string, count: number): void => void (seen[what] = (seen[what] ?? 0) + count);
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const random = createRandom(seed);
      const past = generatedPast(random);
      const flow = generatedFlow(random);
      if (flow.max_age_minutes === undefined && random.chance(0.2)) flow.audience = { not: RECENT };
      if (random.chance(0.2)) flow.while = RECENT;
      const request: BacktestRequest = {
        ...{ workspace: 'acme', settings: generatedSettings(random), flowId: 'backtest', version: 1, flow },
        ...{ fromMs: FROM_MS, toMs: TO_MS, windowMs: WINDOW_MS, horizonMs: HORIZON_MS },
        groupPeople: random.int(1, 4),
      };
      const deps = { database: databaseOf(past), threads: threadsHere(random.int(1, 3)) };
      const { not_played, ...found } = await runBacktest(deps, request, new AbortController().signal);
      const expected = new PlainPlay(past, request).play();
      expect({ seed, ...found }).toEqual({ seed, ...expected });
      add('entered', found.entered);
      add('live', found.live);
      add('several runs', found.runs.length > 1 ? 1 : 0);
      for (const what of not_played) add(what, 1);
      for (const [reason, count] of Object.entries({ ...found.refused, ...found.exited })) add(reason, count);
      for (const { sent, skipped } of Object.values(found.nodes)) {
        add('sent', sent);
        for (const [reason, count] of Object.entries(skipped)) add(reason, count);
      }
      for (const { steps } of found.runs) for (const { what } of steps) add(`step ${what}`, 1);
    }
    process.stdout.write(`${JSON.stringify(seen)}\n`);
    const wanted = [
      'bought',
      'live',
      'once',
      'cooldown',
      'not_in_audience',
      'checkout',
      'event',
      'no_longer',
      'capped',
    ];
    const steps = ['held', 'woken', 'goal', 'asked', 'exited', 'completed'].map((what) => `step ${what}`);
    if (RUNS >= 400) for (const what of [...wanted, ...steps]) expect(seen, what).toHaveProperty(what);
  }, 600_000);
});
