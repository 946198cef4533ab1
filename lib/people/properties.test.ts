import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PersonInput, TraitChange } from '../../schemas/types.ts';
import { BLANK_SNAPSHOT } from '../carts/index.ts';
import { KINDS } from './keys.ts';
import { sortPeople, whoIsWho, type Seen } from './oracle.ts';
import { cartInput, change, recordInput, World } from './testing.ts';

/** A delivery or a record, as small numbers: few values, so that they meet and become junk. */
interface Step {
  cart: number | null;
  identifiers: string[];
  at: number;
  trait: number | null;
}

const identifierArbitrary = fc
  .tuple(fc.constantFrom(...KINDS), fc.integer({ min: 0, max: 5 }))
  .map(([kind, value]) => `${kind}:${value}`);

const stepArbitrary: fc.Arbitrary<Step> = fc.record({
  cart: fc.option(fc.integer({ min: 0, max: 7 }), { freq: 5 }),
  identifiers: fc.uniqueArray(identifierArbitrary, { maxLength: 3 }),
  at: fc.integer({ min: 1, max: 60 }),
  trait: fc.option(fc.integer({ min: 1, max: 4 }), { freq: 1 }),
});

const historyArbitrary = fc.record({
  limit: fc.integer({ min: 0, max: 3 }),
  steps: fc.array(stepArbitrary, { minLength: 1, maxLength: 30 }),
});

/** `lastEventAt`: the largest T of the cart's events; null as in records of an earlier version. */
function inputOf(step: Step, lastEventAt: number | null = null): PersonInput {
  if (step.cart === null) return recordInput(step.identifiers, { at: step.at });
  const changes: TraitChange[] = step.trait === null ? [] : [change(step.trait, 'verification')];
  const snapshot = { ...BLANK_SNAPSHOT, last_event_at: lastEventAt };
  return cartInput(`c${step.cart}`, step.identifiers, { at: step.at, changes, snapshot });
}

class Everything {
  readonly seen: Seen[] = [];
  readonly times = new Map<string, number[]>();
  private readonly carts = new Map<number, Set<string>>();

  add(step: Step): void {
    if (step.cart === null) {
      if (step.identifiers.length > 0) this.seen.push({ cart: null, identifiers: new Set(step.identifiers) });
    } else {
      const known = this.carts.get(step.cart);
      const identifiers = known ?? new Set<string>();
      for (const identifier of step.identifiers) identifiers.add(identifier);
      if (known === undefined) {
        this.carts.set(step.cart, identifiers);
        this.seen.push({ cart: `c${step.cart}`, identifiers });
      }
    }
    const names = step.cart === null ? step.identifiers : [`cart:c${step.cart}`];
    for (const name of names) this.times.set(name, [...(this.times.get(name) ?? []), step.at]);
  }
}

/** What every reader relies on after every record. */
function checkReader(world: World, asserted: ReadonlyMap<string, Set<number>>): void {
  for (const winner of world.aliases.values()) {
    expect(world.aliases.has(winner), 'an alias leads to somebody in one step').toBe(false);
  }
  const rows = new Map<string, Set<number>>();
  for (const row of world.traits.values()) {
    expect(world.resolve(row.person_id), `the trait events of ${row.cart_id}`).toBe(world.personOfCart(row.cart_id));
    rows.set(row.cart_id, (rows.get(row.cart_id) ?? new Set()).add(row.occurred_at));
  }
  expect(rows).toEqual(asserted);
  // Whoever keeps rows by person has each once, under the id that it was emitted with last; none under a dissolved id.
  const current = [
    ...[...world.carts].map(([cart, id]) => `${id}/cart ${cart}`),
    ...[...world.traits.values()].map((row) => `${row.person_id}/${row.event_id}`),
  ];
  expect([...world.byPerson].sort()).toEqual(current.sort());
  for (const id of [...world.carts.values(), ...[...world.traits.values()].map((row) => row.person_id)]) {
    expect(world.dissolved.has(id), 'nothing is left under a dissolved id').toBe(false);
  }
  const ids = [...world.people.keys()].sort((a, b) => a - b);
  expect(ids, 'ids are dense').toEqual(ids.map((_, i) => i + 1));
}

/** Of people who have carts and no junk, all times are known to the oracle: their carts' and their records'. */
function checkTimes(world: World, everything: Everything): void {
  for (const person of world.people.values()) {
    if (world.aliases.has(person.person_id)) continue;
    const carts = [...world.carts].filter(([, id]) => world.resolve(id) === person.person_id);
    const names = new Set(person.anonymous ? [] : person.identifiers.map(({ kind, value }) => `${kind}:${value}`));
    const records = everything.seen.filter(
      ({ cart, identifiers }) => cart === null && [...identifiers].some((i) => names.has(i)),
    );
    const times = carts.flatMap(([cart]) => everything.times.get(`cart:${cart}`) ?? []);
    if (records.length === 0 && carts.length > 0) {
      const lastAt = Math.max(person.last_at, ...carts.map(([cart]) => world.lastEvents.get(cart) ?? 0));
      expect([person.first_at, lastAt]).toEqual([Math.min(...times), Math.max(...times)]);
    }
    if (records.length === 0 && carts.length === 0) expect(person.first_at).toBeGreaterThan(Date.UTC(2200, 0));
  }
}

describe('the fold, against the text', () => {
  it('has the people of the oracle after every record, with their trait events', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(historyArbitrary, fc.boolean(), ({ limit, steps }, knowsLastEvent) => {
        const world = new World({ limit });
        const everything = new Everything();
        const asserted = new Map<string, Set<number>>();
        for (const step of steps) {
          everything.add(step);
          const last = Math.max(...(everything.times.get(`cart:c${step.cart}`) ?? []));
          world.fold(inputOf(step, knowsLastEvent ? last : null));
          if (step.cart !== null && step.trait !== null) {
            const cart = `c${step.cart}`;
            asserted.set(cart, (asserted.get(cart) ?? new Set()).add(step.trait));
          }
          expect(sortPeople(world.partition())).toEqual(whoIsWho(everything.seen, limit));
          checkReader(world, asserted);
          checkTimes(world, everything);
        }
      }),
      { numRuns: 3000 },
    );
  });

  it('emits and stores the same bytes for the same records, also after a restart between any two', () => {
    fc.assert(
      fc.property(historyArbitrary, fc.nat(), ({ limit, steps }, at) => {
        const whole = new World({ limit });
        const first = new World({ limit });
        const cut = at % (steps.length + 1);
        for (const step of steps) whole.fold(inputOf(step));
        for (const step of steps.slice(0, cut)) first.fold(inputOf(step));
        const second = first.restarted();
        for (const step of steps.slice(cut)) second.fold(inputOf(step));
        expect([...first.outcomes, ...second.outcomes]).toEqual(whole.outcomes);
        expect(second.store.entries).toEqual(whole.store.entries);
      }),
      { numRuns: 300 },
    );
  });

  it('forgets nothing about a person of thousands of carts, at a cost that does not grow with them', () => {
    const world = new World();
    for (let i = 0; i < 5000; i++) world.fold(cartInput(`c${i}`, ['phone:+1', 'email:a@x.io'], { at: i }));
    const writes: string[] = [];
    const put = world.store.put.bind(world.store);
    world.store.put = (key, value) => {
      writes.push(key);
      expect(value.length).toBeLessThan(300);
      put(key, value);
    };
    world.fold(cartInput('last', ['phone:+1', 'email:a@x.io'], { at: 6000 }));
    expect(writes.length).toBe(4);
    expect(world.partition()).toHaveLength(1);
    expect(world.partition()[0]).toHaveLength(5003);
  });
});
