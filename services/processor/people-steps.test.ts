import { expect, it } from 'vitest';
import { cartInput, change } from '../../lib/people/testing.ts';
import { TaskCore } from '../../lib/streams/index.ts';
import type { PersonInput } from '../../schemas/types.ts';
import { codecs, people } from './testing.ts';

/** A parting of one person with many carts, whose emission takes several steps. */

const CARTS = 520;
const LIMIT = 25;
const ADDRESS = 'email:shared@example.com';

function inputs(): PersonInput[] {
  const carts = Array.from({ length: CARTS }, (_, i) =>
    cartInput(String(i), [ADDRESS, `phone:+1808555${1000 + (i % LIMIT)}`], { at: i, changes: [change(i, 'finished')] }),
  );
  return [...carts, cartInput('last', [ADDRESS, 'phone:+18085559999'], { at: CARTS })];
}

interface Run {
  outputs: string[];
  transactions: number;
  largest: number;
  keys: string[];
}

/** Each transaction ends after `effects`; with `restarts`, another task continues after each of them. */
function run(effects: number, restarts = false): Run {
  const result: Run = { outputs: [], transactions: 0, largest: 0, keys: [] };
  let core = new TaskCore(people());
  inputs().forEach((input, offset) => {
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
  const [whole, steps, restarted] = [run(Infinity), run(1), run(1, true)];
  expect(whole.transactions).toBe(CARTS + 1);
  // 499 carts leave; 100 are emitted with the record.
  expect(steps.transactions).toBe(whole.transactions + 4);
  expect(steps.largest).toBeLessThan(whole.largest / 2);
  expect(steps.outputs).toEqual(whole.outputs);
  expect(restarted.outputs).toEqual(whole.outputs);
  expect(restarted.keys.filter((key) => key.startsWith('q/'))).toEqual([]);
});
