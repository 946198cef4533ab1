import { describe, expect, it } from 'vitest';
import { standing } from '../../lib/carts/testing/against-oracle.ts';
import { history, type Shape } from '../../lib/carts/testing/histories.ts';
import { Oracle } from '../../lib/carts/testing/oracle.ts';
import { randomFrom, type Random } from '../../lib/carts/testing/random.ts';
import { cartKey, TOPICS } from '../../lib/topics.ts';
import type { CartEvent, TraitChange } from '../../schemas/types.ts';
import { codecs, deliveryRecord, HORIZON_MS, MINUTE_MS, Pipeline, tickRecord, type Appended } from './testing.ts';

/** Set JT_RUNS for more histories of each shape, JT_SEED to begin elsewhere. */
const RUNS = Number(process.env['JT_RUNS'] ?? 12);
const SEED = Number(process.env['JT_SEED'] ?? 1);
const CARTS = ['7469', 'a:b', 'ü'];

const SHAPES: Record<string, Shape & { horizonMinutes?: number[] }> = {
  'short and dense': { events: 8, span: 60, ordered: 0.2 },
  'mostly activity': { events: 12, span: 300, ordered: 0.02 },
  'mostly statuses': { events: 12, span: 20, ordered: 0.9 },
  'beyond the horizon': { events: 12, span: 300, ordered: 0.1, horizonMinutes: [45, 100, 200] },
};

/** The histories of several carts in one log, as deliveries and ticks come; people turn up on some of them. */
function logOf(random: Random, shape: Shape): Appended[] {
  // Where receipt is long before, log time is behind the broker's clock, and only ticks advance it.
  const bulk = random.chance(0.5);
  const steps = CARTS.flatMap((cartId) =>
    history(random, shape).map(({ logTime, event }) => ({
      logTime,
      event: event && {
        ...event,
        cart_id: cartId,
        received_at: bulk ? event.received_at : logTime,
        phone: random.pick([null, null, '+18085550143', '+18085550144']),
        email: random.pick([null, null, 'a@x.io', 'b@x.io']),
        name: random.pick([null, 'Ada', 'Bo']),
      },
    })),
  ).sort((a, b) => a.logTime - b.logTime);
  const records = steps.map(({ logTime, event }) =>
    event === null ? tickRecord(logTime) : deliveryRecord(event, logTime),
  );
  const end = steps.at(-1)!.logTime;
  // A first tick long after, so that all that is due fires at once; one more after the full hour.
  return [...records, tickRecord(end + 1000 * MINUTE_MS), tickRecord(end + 1100 * MINUTE_MS)];
}

type Written = Record<string, string[]>;

/** All that a run has written, topic by topic, as bytes. */
function writtenBy(pipeline: Pipeline): Written {
  const text = (outputs: { key: string; value: Buffer }[]): string[] =>
    outputs.map(({ key, value }) => `${key} ${value.toString('hex')}`);
  return {
    [TOPICS.personInputs]: text(pipeline.carts.outputs(TOPICS.personInputs)),
    [TOPICS.deadLetters]: text(pipeline.carts.outputs(TOPICS.deadLetters)),
    [TOPICS.traitEvents]: text(pipeline.people.outputs(TOPICS.traitEvents)),
  };
}

function stateOf(pipeline: Pipeline): string[] {
  return [...pipeline.carts.state(), ...pipeline.people.state()]
    .map(([key, value]) => `${key} ${value.toString('hex')}`)
    .sort();
}

/** What of `all` was written after `before`. */
const since = (all: Written, before: Written): Written =>
  Object.fromEntries(Object.entries(all).map(([topic, lines]) => [topic, lines.slice(before[topic]!.length)]));

/** The trait events of each cart as a reader of person-inputs has them. */
function standingOf(pipeline: Pipeline): Map<string, string[]> {
  const carts = new Map<string, Map<string, TraitChange>>();
  for (const { cart } of pipeline.personInputs()) {
    if (cart === null) continue;
    let traits = carts.get(cart.cart_id);
    if (traits === undefined) carts.set(cart.cart_id, (traits = new Map()));
    for (const change of cart.changes) {
      const id = `${change.trait} ${change.status} ${change.occurred_at}`;
      if (change.op === 'retracted') traits.delete(id);
      else traits.set(id, change);
    }
  }
  return new Map([...carts].map(([cartId, traits]) => [cartId, standing([...traits.values()])]));
}

describe(`histories of several carts (JT_RUNS=${RUNS}, JT_SEED=${SEED})`, { timeout: 3_600_000 }, () => {
  const histories = (shape: (typeof SHAPES)[string], play: (log: Appended[], horizonMs: number) => void): void => {
    for (let i = 0; i < RUNS; i++) {
      const random = randomFrom(SEED + i);
      const log = logOf(random, shape);
      const minutes = shape.horizonMinutes;
      try {
        play(log, minutes === undefined ? HORIZON_MS : random.pick(minutes) * MINUTE_MS);
      } catch (cause) {
        throw new Error(`JT_SEED=${SEED + i}: ${(cause as Error).message}`, { cause });
      }
    }
  };

  it.each(Object.entries(SHAPES))('%s: the same bytes, restored at any record and replayed', (_name, shape) => {
    histories(shape, (log, horizonMs) => {
      const whole = new Pipeline(horizonMs);
      const cuts = log.map((record) => {
        const cut = { state: whole.snapshot(), written: writtenBy(whole) };
        whole.append(record);
        return cut;
      });
      const written = writtenBy(whole);
      const state = stateOf(whole);
      expect(written[TOPICS.personInputs]!.length).toBeGreaterThan(0);

      const replayed = new Pipeline(horizonMs);
      for (const record of log) replayed.append(record);
      expect(writtenBy(replayed)).toEqual(written);

      const restless = new Pipeline(horizonMs);
      for (const record of log) {
        restless.restore(restless.snapshot());
        restless.append(record);
      }
      expect(writtenBy(restless)).toEqual(written);
      expect(stateOf(restless)).toEqual(state);

      cuts.forEach((cut, i) => {
        const restored = new Pipeline(horizonMs);
        restored.restore(cut.state);
        for (const record of log.slice(i)) restored.append(record);
        expect(writtenBy(restored)).toEqual(since(written, cut.written));
        expect(stateOf(restored)).toEqual(state);
      });
    });
  });

  it.each(Object.entries(SHAPES))('%s: what stands is what the semantics say', (_name, shape) => {
    histories(shape, (log, horizonMs) => {
      const pipeline = new Pipeline(horizonMs);
      const oracles = new Map(CARTS.map((cartId) => [cartId, new Oracle(horizonMs)]));
      for (const record of log) {
        pipeline.append(record);
        // Deadlines of all carts fire by log time, no matter which record advanced it.
        const { logTimeMs } = pipeline.carts;
        for (const oracle of oracles.values()) oracle.tick(logTimeMs);
        const event: CartEvent = codecs.cartEvents.decode(record.value);
        if (event.kind !== 'tick') oracles.get(event.cart_id)!.deliver(event, logTimeMs);
      }
      const seen = standingOf(pipeline);
      for (const [cartId, oracle] of oracles) expect(seen.get(cartId) ?? []).toEqual(standing(oracle.traits()));
      // Each cart, and nothing else, has its entry.
      expect([...pipeline.carts.state().keys()].sort()).toEqual(CARTS.map((cartId) => cartKey('shop', cartId)).sort());
    });
  });
});
