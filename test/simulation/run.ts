import { randomFrom } from '../../lib/carts/testing/random.ts';
import { drawPlan, type Plan } from './faults.ts';
import type { Rules } from './services.ts';
import { World, describePlan, type HistoryLine } from './world.ts';

/** After the last fault everything must be handled within this time. */
const CONVERGES_WITHIN_MS = 180_000;
const NOTABLE_LINES = 60;
/** Number of last lines that are shown even when they are routine. */
const LAST_LINES = 15;
const LOOK_EVERY_MS = 100;
/** How many shorter plans are tried for a failure. */
const SHRINK_ATTEMPTS = 150;

export interface Outcome {
  plan: Plan;
  failure: Error | null;
  steps: number;
  /** A hash of everything that happened. */
  digest: string;
  history: readonly HistoryLine[];
  commits: number;
  commitsWithinRecords: number;
  fences: number;
  faultsMet: number;
}

export const planOf = (seed: number): Plan => drawPlan(seed, randomFrom(seed));

/** Runs a plan to its end, or until an invariant breaks. */
export async function runPlan(plan: Plan, rules?: Rules, isVerbose = false): Promise<Outcome> {
  const world = new World(plan, rules, isVerbose);
  let failure: Error | null = null;
  try {
    world.begin();
    await world.loop.runUntil(() => false, plan.faultsEndMs);
    if (!(await converges(world)))
      throw new Error(`not everything is handled ${CONVERGES_WITHIN_MS} ms after the last fault`);
    world.streams.finish();
    world.sink.finish();
  } catch (error) {
    failure = error as Error;
  }
  const { loop, history, faultsMet, fences, streams } = world;
  const { steps, digest } = loop;
  const { commits, commitsWithinRecords } = streams;
  return { plan, failure, steps, digest, history, commits, commitsWithinRecords, fences: fences.fences, faultsMet };
}

async function converges(world: World): Promise<boolean> {
  const { loop } = world;
  const endMs = loop.nowMs + CONVERGES_WITHIN_MS;
  while (loop.nowMs < endMs) {
    await loop.run(LOOK_EVERY_MS);
    if (world.isDone()) return true;
  }
  return false;
}

/** Leaves out faults, many at a time and then one by one, as long as it still fails. */
export async function shrink(failed: Outcome, rules?: Rules): Promise<Outcome> {
  let shortest = failed;
  let attempts = 0;
  for (let size = Math.ceil(failed.plan.faults.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < shortest.plan.faults.length && attempts < SHRINK_ATTEMPTS;) {
      const { plan } = shortest;
      const faults = plan.faults.filter((_, i) => i < from || i >= from + size);
      attempts++;
      const outcome = await runPlan({ ...plan, faults }, rules);
      if (outcome.failure === null) from += size;
      else shortest = outcome;
    }
  }
  return shortest;
}

/** What somebody needs who looks into a failure: its seed, the faults that it takes, and how it came. */
export async function report(failed: Outcome, rules?: Rules): Promise<string> {
  const shortest = await shrink(failed, rules);
  const { plan, history, failure } = await runPlan(shortest.plan, rules, true);
  const last = history.length - LAST_LINES;
  const shown = history.filter(({ isRoutine }, i) => !isRoutine || i >= last).slice(-NOTABLE_LINES - LAST_LINES);
  return [
    `seed ${plan.seed}: ${String(failed.failure)}`,
    `with ${plan.faults.length} of its ${failed.plan.faults.length} faults: ${String(failure)}`,
    describePlan(plan),
    `${shown.length} of ${history.length} lines of its history:`,
    ...shown.map(({ text }) => text),
    `repeat it: SEED=${plan.seed} npx vitest run --project unit test/simulation/simulation.test.ts`,
  ].join('\n');
}
