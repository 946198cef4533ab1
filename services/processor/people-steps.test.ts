import { expect, it } from 'vitest';
import { cartInput, change, recordInput, rulesInput } from '../../lib/people/testing.ts';
import { TaskCore } from '../../lib/streams/index.ts';
import type { PersonInput } from '../../schemas/types.ts';
import { codecs, people } from './testing.ts';

/** What one record causes may take several steps: the emission of a parting, and the application of link rules. */

const CARTS = 520;
const LIMIT = 25;
const ADDRESS = 'email:shared@example.com';

/** One person with many carts is parted. */
function parting(): PersonInput[] {
  const carts = Array.from({ length: CARTS }, (_, i) =>
    cartInput(String(i), [ADDRESS, `phone:+1808555${1000 + (i % LIMIT)}`], { at: i, changes: [change(i, 'finished')] }),
  );
  return [...carts, cartInput('last', [ADDRESS, 'phone:+18085559999'], { at: CARTS })];
}

const PHONES = 1_200;

/** Many people, each of two records with one phone, are parted by a lower limit. */
function lowerLimit(): PersonInput[] {
  const records = Array.from({ length: PHONES }, (_, i) =>
    ['a', 'b'].map((name) => recordInput([`phone:+1808${5_550_000 + i}`, `email:${name}${i}@example.com`], { at: i })),
  );
  return [...records.flat(), rulesInput(1, { limit: 1 })];
}

interface Run {
  outputs: string[];
  transactions: number;
  largest: number;
  keys: string[];
}

/** Each transaction ends after `effects`; with `restarts`, another task continues after each of them. */
function run(inputs: readonly PersonInput[], effects: number, restarts = false): Run {
  const result: Run = { outputs: [], transactions: 0, largest: 0, keys: [] };
  let core = new TaskCore(people());
  inputs.forEach((input, offset) => {
    const record = { key: 'w', value: input, offset, partition: 0 };
    core.begin(record, 0);
    for (let isDone = false; !isDone;) {
      isDone = core.advance({ effects, bytes: Infinity });
      const { outputs } = core.takeEffects();
      for (const { value } of outputs) result.outputs.push(JSON.stringify(codecs.traitEvents.decode(value)));
      result.transactions++;
      result.largest = Math.max(result.largest, outputs.length);
      if (isDone || !restarts) continue;
      const { position, logTimeMs, isFolded } = core;
      const next = new TaskCore(people(), { position, logTimeMs, isFolded });
      for (const [key, value] of core.state()) next.restore(key, Buffer.from(value));
      core = next;
      core.begin(record, 0);
    }
  });
  result.keys = [...core.state()].map(([key]) => key);
  return result;
}

it('a parting is emitted in several transactions, the same wherever they end', () => {
  const inputs = parting();
  const [whole, steps, restarted] = [run(inputs, Infinity), run(inputs, 1), run(inputs, 1, true)];
  expect(whole.transactions).toBe(CARTS + 1);
  // 499 carts leave; 100 are emitted with the record.
  expect(steps.transactions).toBe(whole.transactions + 4);
  expect(steps.largest).toBeLessThan(whole.largest / 2);
  expect(steps.outputs).toEqual(whole.outputs);
  expect(restarted.outputs).toEqual(whole.outputs);
  expect(restarted.keys.filter((key) => key.startsWith('q/'))).toEqual([]);
});

it('changed link rules are applied in several transactions, the same wherever they end', () => {
  const inputs = lowerLimit();
  const [whole, steps, restarted] = [run(inputs, Infinity), run(inputs, 1), run(inputs, 1, true)];
  expect(whole.transactions).toBe(inputs.length);
  expect(steps.transactions).toBeGreaterThan(whole.transactions + 3);
  expect(steps.largest).toBeLessThan(whole.largest / 2);
  expect(steps.outputs).toEqual(whole.outputs);
  expect(restarted.outputs).toEqual(whole.outputs);
  expect(restarted.keys.filter((key) => /^[nz]\//.test(key))).toEqual([]);
});
