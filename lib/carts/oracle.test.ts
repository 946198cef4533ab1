import { describe, it } from 'vitest';
import { agree } from './testing/against-oracle.ts';
import { MINUTE } from './testing/events.ts';
import { history, type Shape } from './testing/histories.ts';
import { randomFrom } from './testing/random.ts';

/** Set JT_RUNS=100000 for the full proof, JT_SEED to begin elsewhere. */
const RUNS = Number(process.env['JT_RUNS'] ?? 20_000);
const SEED = Number(process.env['JT_SEED'] ?? 1);

const SHAPES: Record<string, Shape & { horizonMinutes?: number[] }> = {
  'short and dense': { events: 6, span: 60, ordered: 0.2 },
  'mostly activity': { events: 12, span: 300, ordered: 0.02 },
  'mostly statuses': { events: 12, span: 20, ordered: 0.9 },
  long: { events: 30, span: 400, ordered: 0.05 },
  'beyond the horizon': { events: 12, span: 300, ordered: 0.1, horizonMinutes: [1, 20, 45, 100] },
};
const SHARE = 1 / Object.keys(SHAPES).length;

describe(`the core and the oracle say the same (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, () => {
  it.each(Object.entries(SHAPES))('%s', { timeout: 3_600_000 }, (name, shape) => {
    for (let i = 0; i < RUNS * SHARE; i++) {
      const seed = SEED + i;
      const random = randomFrom(seed);
      const steps = history(random, shape);
      const horizon = shape.horizonMinutes === undefined ? undefined : random.pick(shape.horizonMinutes) * MINUTE;
      try {
        agree(steps, true, horizon);
      } catch (cause) {
        throw new Error(`${name}, JT_SEED=${seed}: ${(cause as Error).message}`, { cause });
      }
    }
  });
});
