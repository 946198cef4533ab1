import { describe, expect, it } from 'vitest';
import { SINK_RULES } from '../../services/sink/rules.ts';
import { REGRESSIONS } from './regressions.ts';
import { planOf, report, runPlan, type Outcome } from './run.ts';
import { PRODUCT_RULES, type Rules } from './services.ts';

/** How many steps the main run takes at least, over as many seeds as that needs. */
const STEPS = Number(process.env['JT_SIMULATION_STEPS'] ?? 150_000);
/** The first seed; given, it is the only one. */
const SEED = process.env['SEED'];
const FIRST_SEED = 1;
/** Steps in a second on a machine that does much else. */
const SLOW_STEPS_PER_SECOND = 500;
const PLANT_SEEDS = 200;

async function expectSound(outcome: Outcome): Promise<void> {
  if (outcome.failure !== null) throw new Error(await report(outcome));
}

describe('runtime and sink on a simulated Kafka and ClickHouse', () => {
  it(
    'are exactly once and converge, whatever goes wrong',
    async () => {
      let [steps, commits, within, fences, faults] = [0, 0, 0, 0, 0];
      const first = Number(SEED ?? FIRST_SEED);
      for (let seed = first; SEED === undefined ? steps < STEPS : seed === first; seed++) {
        const outcome = await runPlan(planOf(seed));
        await expectSound(outcome);
        steps += outcome.steps;
        commits += outcome.commits;
        within += outcome.commitsWithinRecords;
        fences += outcome.fences;
        faults += outcome.faultsMet;
      }
      if (SEED !== undefined) return;
      expect(steps).toBeGreaterThanOrEqual(STEPS);
      // It has met what it is about.
      expect(commits).toBeGreaterThan(STEPS / 200);
      expect(faults).toBeGreaterThan(STEPS / 1_000);
      expect(within).toBeGreaterThan(STEPS / 2_000);
      expect(fences).toBeGreaterThan(0);
    },
    60_000 + (STEPS / SLOW_STEPS_PER_SECOND) * 1_000,
  );

  it.each(Object.entries(REGRESSIONS))('stay sound where they once were not: %s', async (_, plan) => {
    await expectSound(await runPlan(plan));
  });

  it('give the same history for the same seed, and another one for another', async () => {
    const [first, again, other] = [await runPlan(planOf(5)), await runPlan(planOf(5)), await runPlan(planOf(6))];
    expect(again.history).toEqual(first.history);
    expect([again.digest, again.steps]).toEqual([first.digest, first.steps]);
    expect(other.digest).not.toBe(first.digest);
  }, 120_000);
});

/** Each takes away one rule on which exactness rests. */
const PLANTS: Record<string, { rules: Partial<Rules>; finds: RegExp }> = {
  'a restore that keeps what was never committed': {
    rules: { restore: { isolation: 'read_uncommitted', dropUnreflected: false } },
    finds: /trait-events\[\d\] holds|the changelog says|the checkpoint is|UncoveredStateError/,
  },
  // A process that waits for its group's confirmation would not reopen it either: both rules are taken away.
  'a fenced task that is reopened at once': {
    rules: { reopenFenced: 'at once', fenceUnconfirmed: true },
    finds: /again, in which it was fenced/,
  },
  'a process that fences the owner after its session has ended': {
    rules: { fenceUnconfirmed: true },
    finds: /fences simulated-\d, which .* owns/,
  },
  'a sink that resumes behind its last block': {
    rules: {
      sink: {
        ...SINK_RULES,
        resumeOffset: (spans) => (spans.length === 0 ? null : Math.max(...spans.map(({ last }) => last)) + 1),
      },
    },
    finds: /lacks offset|not everything is handled/,
  },
};

describe('the simulation finds', () => {
  it.each(Object.entries(PLANTS))('%s', { timeout: 300_000 }, async (_, { rules: plant, finds }) => {
    const rules = { ...PRODUCT_RULES, ...plant };
    for (let seed = FIRST_SEED; seed < FIRST_SEED + PLANT_SEEDS; seed++) {
      const { failure } = await runPlan(planOf(seed), rules);
      if (failure === null) continue;
      expect(failure.message).toMatch(finds);
      return;
    }
    expect.fail(`not found within ${PLANT_SEEDS} seeds`);
  });

  it('and says with which seed, with the faults that it takes alone', { timeout: 120_000 }, async () => {
    const rules: Rules = { ...PRODUCT_RULES, ...PLANTS['a restore that keeps what was never committed']!.rules };
    let seed = FIRST_SEED;
    let outcome = await runPlan(planOf(seed), rules);
    while (outcome.failure === null) outcome = await runPlan(planOf(++seed), rules);
    const text = await report(outcome, rules);
    const faults = /with (\d+) of its (\d+) faults/.exec(text);
    expect(text).toContain(`SEED=${seed} `);
    expect(Number(faults?.[1])).toBeLessThan(Number(faults?.[2]));
    expect(text.split('\n').length).toBeLessThan(150);
  });
});
