import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS } from './keys.ts';
import { sortPeople, whoIsWho, type Seen } from './oracle.ts';
import { cartInput, recordInput, World } from './testing.ts';

/** What was seen together, and where; null: on a record. */
type Sighting = { cart: string | null; identifiers: string[] };

const identifier = fc
  .tuple(fc.constantFrom(...KINDS), fc.integer({ min: 0, max: 6 }))
  .map(([kind, value]) => `${kind}:${value}`);
const sighting: fc.Arbitrary<Sighting> = fc.record({
  cart: fc.option(fc.constantFrom('a', 'b', 'c', 'd'), { freq: 4 }),
  identifiers: fc.uniqueArray(identifier, { minLength: 1, maxLength: 4 }),
});

function fold(world: World, { cart, identifiers }: Sighting): void {
  world.fold(cart === null ? recordInput(identifiers) : cartInput(cart, identifiers));
}

function allSeen(sightings: readonly Sighting[]): Seen[] {
  const carts = new Map<string, Set<string>>();
  const seen: Seen[] = [];
  for (const { cart, identifiers } of sightings) {
    const known = cart === null ? undefined : carts.get(cart);
    if (known !== undefined) for (const one of identifiers) known.add(one);
    else {
      const set = new Set(identifiers);
      if (cart !== null) carts.set(cart, set);
      seen.push({ cart, identifiers: set });
    }
  }
  return seen;
}

describe('pairs that are recorded up to the highest limit only', () => {
  it('lead to the people of the oracle after every record, in any order, for every limit', () => {
    const history = fc.integer({ min: 1, max: 4 }).chain((highestLimit) =>
      fc.record({
        highestLimit: fc.constant(highestLimit),
        limit: fc.integer({ min: 1, max: highestLimit }),
        sightings: fc.array(sighting, { minLength: 1, maxLength: 30 }),
      }),
    );
    fc.assert(
      fc.property(history, fc.infiniteStream(fc.nat()), ({ highestLimit, limit, sightings }, chance) => {
        const world = new World({ limit }, undefined, highestLimit);
        const so: Sighting[] = [];
        for (const one of sightings) {
          fold(world, one);
          so.push(one);
          expect(sortPeople(world.partition())).toEqual(whoIsWho(allSeen(so), limit));
        }
        const order = sightings.map((one) => ({ one, at: chance.next().value as number })).sort((a, b) => a.at - b.at);
        const other = new World({ limit }, undefined, highestLimit);
        for (const { one } of order) fold(other, one);
        expect(sortPeople(other.partition())).toEqual(sortPeople(world.partition()));
      }),
      { numRuns: 2000 },
    );
  });

  it('keep what one cart adds small: 800 deliveries with four fresh identifiers each', { timeout: 120_000 }, () => {
    const world = new World();
    const deliver = (i: number): void => {
      world.fold(cartInput('constant', [`user_id:${i}`, `external:s ${i}`, `phone:+${i}`, `email:${i}@x.io`]));
      world.outcomes.length = 0;
    };
    for (let i = 0; i < 200; i++) deliver(i);
    const pairs = (): number => [...world.store.entries.keys()].filter((key) => key.startsWith('x/')).length;
    const recorded = pairs();
    // 101 of each kind in pairs with those of the three other kinds.
    expect(recorded).toBeLessThanOrEqual(6 * 101 * 101);
    for (let i = 200; i < 800; i++) deliver(i);
    expect(pairs()).toBe(recorded);
    expect(world.store.entries.size).toBeLessThan(recorded + 4 * 800 + 100);
    // A delivery reads its own identifiers, not the 3,200 that the cart has had.
    const { store } = world;
    const reads: string[] = [];
    const get = store.get.bind(store);
    store.get = (key) => {
      reads.push(key);
      return get(key);
    };
    deliver(800);
    expect(reads.filter((key) => key.startsWith('i/')).length).toBeLessThan(20);
    // All of them are junk, so nobody is linked by them.
    world.fold(cartInput('other', ['email:799@x.io', 'phone:+0']));
    expect(world.personOfCart('other')).not.toBe(world.personOfCart('constant'));
  });

  it('tell 100 values from 101', () => {
    const world = new World({ limit: 100 });
    for (let i = 0; i < 100; i++) world.fold(cartInput(`c${i}`, ['phone:+1', `email:${i}@x.io`]));
    expect(world.personOfCart('c0')).toBe(world.personOfCart('c99'));
    world.fold(cartInput('c100', ['phone:+1', 'email:100@x.io']));
    expect(new Set(Array.from({ length: 101 }, (_, i) => world.personOfCart(`c${i}`))).size).toBe(101);
  });
});
