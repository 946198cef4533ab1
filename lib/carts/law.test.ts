import { describe, expect, it } from 'vitest';
import type { CartEvent, TraitChange } from '../../schemas/types.ts';
import { decodeState, foldCart } from './index.ts';
import { TestCart } from './testing/cart.ts';
import { cartEvent, keyOf, minute } from './testing/events.ts';
import { history, levelEvents, type Step } from './testing/histories.ts';
import { randomFrom, shuffled, type Random } from './testing/random.ts';

/** Set JT_RUNS and JT_SEED for more. */
const RUNS = Math.ceil(Number(process.env['JT_RUNS'] ?? 2000) / 4);
const SEED = Number(process.env['JT_SEED'] ?? 1);
const SHAPE = { events: 10, span: 200, ordered: 0.15 };

const hex = (state: Buffer | undefined): string => state?.toString('hex') ?? '';

/** Plays steps and returns, for each, the state after it and what was emitted. */
function play(cart: TestCart, steps: readonly Step[], between?: () => void): string[] {
  return steps.map(({ logTime, event }) => {
    const changes: TraitChange[] = event === null ? cart.tick(logTime) : cart.deliver(event, logTime).changes;
    const line = `${hex(cart.state)} ${JSON.stringify(changes)}`;
    between?.();
    return line;
  });
}

/** Traits at rest: all but when they were found and what they replace, which tell of arrivals. */
function atRest(events: readonly CartEvent[], random: Random): string[] {
  const cart = new TestCart();
  let clock = minute(300);
  for (const [i, event] of events.entries()) {
    clock += random.below(60) * 60_000;
    if (random.chance(0.3)) cart.tick(clock);
    cart.deliver(event, clock);
    if (random.chance(0.3)) cart.deliver(events[random.below(i + 1)]!, clock);
  }
  cart.tick(clock + 100_000 * 60_000);
  return cart
    .traits()
    .map(({ op: _op, detected_at: _at, replaces: _replaces, ...fields }) => JSON.stringify(fields))
    .sort();
}

describe(`the law (JT_SEED=${SEED})`, () => {
  it('at rest, the traits do not depend on the order of arrival', { timeout: 3_600_000 }, () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const random = randomFrom(seed);
      const events = history(random, SHAPE)
        .map((step) => step.event)
        .filter((event) => event !== null)
        // One delivery an event: which of two deliveries comes first decides what repeats what.
        .map((event, i) => ({ ...event, event_key: keyOf(`law ${i}`) }));
      const wanted = atRest(events, random);
      for (let i = 0; i < 4; i++) expect(atRest(shuffled(events, random), random), `JT_SEED=${seed}`).toEqual(wanted);
    }
  });

  it('nor where events are level in all but their kind, source, window and grace', { timeout: 3_600_000 }, () => {
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const random = randomFrom(seed);
      const events = levelEvents(random);
      const wanted = atRest(events, random);
      for (let i = 0; i < 4; i++) expect(atRest(shuffled(events, random), random), `JT_SEED=${seed}`).toEqual(wanted);
    }
  });

  it(
    'a state that is kept, thrown away and read again at every record gives the same bytes',
    { timeout: 3_600_000 },
    () => {
      for (let seed = SEED; seed < SEED + RUNS; seed++) {
        const steps = history(randomFrom(seed), SHAPE);
        const others = history(randomFrom(seed + 1), SHAPE);
        const once = play(new TestCart(), steps);
        const cart = new TestCart();
        let turn = 0;
        const again = play(cart, steps, () => {
          // What the core kept besides the state would show: another cart comes between, and the old bytes are gone.
          const kept = cart.state === undefined ? undefined : Buffer.from(cart.state);
          play(new TestCart(), others.slice(turn, (turn += 2)));
          cart.state?.fill(0xa5);
          cart.state = kept;
        });
        expect(again, `JT_SEED=${seed}`).toEqual(once);
      }
    },
  );

  it('neither the state that goes in nor the event is touched', { timeout: 3_600_000 }, () => {
    for (let seed = SEED; seed < SEED + RUNS / 4; seed++) {
      let state: Buffer | undefined;
      for (const { logTime, event } of history(randomFrom(seed), SHAPE)) {
        if (event === null) continue;
        const before = hex(state);
        const said = JSON.stringify(event);
        const folded = foldCart(state, event, logTime);
        expect(hex(state)).toBe(before);
        expect(JSON.stringify(event)).toBe(said);
        state = folded.state;
      }
    }
  });

  it('keeps every event: what has arrived can be read back in order of arrival', { timeout: 3_600_000 }, () => {
    for (let seed = SEED; seed < SEED + RUNS / 4; seed++) {
      const cart = new TestCart();
      const wanted: unknown[] = [];
      for (const { logTime, event } of history(randomFrom(seed), SHAPE)) {
        if (event === null || cart.deliver(event, logTime).result !== 'event') continue;
        wanted.push({
          kind: event.kind,
          source: event.source,
          key: event.event_key.toString('hex'),
          occurredAt: event.occurred_at,
          arrival: logTime,
          status: event.status,
        });
      }
      expect(decodeState(cart.state!).events).toEqual(wanted);
    }
  });

  it('takes a log time before the last one for the last one', () => {
    const event = (name: string): CartEvent => cartEvent({ event_key: keyOf(name), occurred_at: minute(0) });
    const first = foldCart(undefined, event('a'), minute(10)).state;
    const second = foldCart(first, event('b'), minute(5)).state;
    expect(decodeState(second).events.map((e) => e.arrival)).toEqual([minute(10), minute(10)]);
  });
});
