import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS } from './keys.ts';
import { sortPeople, whoIsWho, type Lists, type Seen } from './oracle.ts';
import { cartInput, change, recordInput, rulesInput, World } from './testing.ts';

const identifier = fc
  .tuple(fc.constantFrom(...KINDS), fc.integer({ min: 0, max: 4 }))
  .map(([kind, value]) => `${kind}:${value}`);
const rules = fc.record({
  limit: fc.integer({ min: 1, max: 4 }),
  allow: fc.uniqueArray(identifier, { maxLength: 3 }),
  deny: fc.uniqueArray(identifier, { maxLength: 3 }),
});
const sighting = fc.record({
  cart: fc.option(fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'), { freq: 5 }),
  identifiers: fc.uniqueArray(identifier, { maxLength: 4 }),
  at: fc.integer({ min: 1, max: 50 }),
});
const step = fc.oneof({ weight: 5, arbitrary: sighting }, { weight: 2, arbitrary: rules });

/** Everything that a reader holds is once there, under the person that it belongs to. */
function checkReader(world: World): void {
  const current = [
    ...[...world.carts].map(([cart, id]) => `${id}/cart ${cart}`),
    ...[...world.traits.values()].map((row) => `${row.person_id}/${row.event_id}`),
  ];
  expect([...world.byPerson].sort()).toEqual(current.sort());
  for (const row of world.traits.values()) {
    expect(world.resolve(row.person_id)).toBe(world.personOfCart(row.cart_id));
  }
  for (const winner of world.aliases.values()) expect(world.aliases.has(winner)).toBe(false);
}

describe('link rules that change', () => {
  it('lead to the people of the oracle, the past included', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 30 }), (steps) => {
        const world = new World({ limit: 25 });
        const seen: (Seen & { identifiers: Set<string> })[] = [];
        let current: Lists & { limit: number } = { limit: 25 };
        const times = new Map<string, number[]>();
        for (const [number, one] of steps.entries()) {
          if ('limit' in one) {
            current = one;
            world.fold(rulesInput(number, one));
          } else if (one.cart === null) {
            if (one.identifiers.length > 0) seen.push({ cart: null, identifiers: new Set(one.identifiers) });
            world.fold(recordInput(one.identifiers, { at: one.at }));
          } else {
            const { cart } = one;
            const known = seen.find((other) => other.cart === cart);
            if (known === undefined) seen.push({ cart, identifiers: new Set(one.identifiers) });
            else for (const word of one.identifiers) known.identifiers.add(word);
            times.set(cart, [...(times.get(cart) ?? []), one.at]);
            world.fold(cartInput(cart, one.identifiers, { at: one.at, changes: [change(one.at, 'verification')] }));
          }
          expect(sortPeople(world.partition())).toEqual(whoIsWho(seen, current.limit, current));
          checkReader(world);
          if (seen.some(({ cart }) => cart === null)) continue;
          // Without records, the oracle knows the times of everybody who has carts.
          for (const person of world.people.values()) {
            if (world.aliases.has(person.person_id)) continue;
            const carts = [...world.carts].filter(([, id]) => world.resolve(id) === person.person_id);
            const all = carts.flatMap(([cart]) => times.get(cart) ?? []);
            if (all.length > 0) {
              expect([person.first_at, person.last_at]).toEqual([Math.min(...all), Math.max(...all)]);
            }
          }
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('link 25 values of a kind and part 26 by default, and follow a limit that goes up and down', () => {
    const world = new World();
    const cart = (n: number): void => void world.fold(cartInput(`c${n}`, ['phone:+1', `email:${n}@x.io`]));
    for (let n = 0; n < 25; n++) cart(n);
    expect(world.partition()).toHaveLength(1);
    cart(25);
    expect(world.partition()).toHaveLength(26);
    world.fold(rulesInput(1, { limit: 26 }));
    expect(world.partition()).toHaveLength(1);
    cart(26);
    expect(world.partition()).toHaveLength(27);
    world.fold(rulesInput(2, { limit: 100 }));
    expect(world.partition()).toHaveLength(1);
    world.fold(rulesInput(3, { limit: 25 }));
    expect(world.partition()).toHaveLength(27);
    checkReader(world);
  });

  it('have no effect when their number was taken already', () => {
    const world = new World();
    for (const i of [0, 1, 2]) world.fold(cartInput(`c${i}`, ['phone:+1', `email:${i}@x.io`]));
    expect(world.partition()).toHaveLength(1);
    expect(world.fold(rulesInput(7, { limit: 2 })).length).toBeGreaterThan(0);
    expect(world.partition()).toHaveLength(3);
    for (const number of [7, 6, -1]) expect(world.fold(rulesInput(number, { limit: 25 }))).toEqual([]);
    expect(world.partition()).toHaveLength(3);
    world.fold(rulesInput(8, { limit: 25 }));
    expect(world.partition()).toHaveLength(1);
    // They are part of the state, and belong to one workspace.
    const next = world.restarted();
    expect(next.fold(rulesInput(8, { limit: 2 }))).toEqual([]);
  });

  it('are applied in steps of a bounded size, whose number grows with the workspace', () => {
    const world = new World();
    for (let i = 0; i < 200; i++) {
      for (const name of ['a', 'b']) world.fold(recordInput([`phone:+${i}`, `email:${name}${i}@x.io`]));
    }
    expect(world.partition()).toHaveLength(200);
    const steps = [0];
    const put = world.store.put.bind(world.store);
    world.store.put = (key, value) => {
      put(key, value);
      if (key === 'z/w') steps.push(0);
      else steps.push(steps.pop()! + 1);
    };
    world.fold(rulesInput(1, { limit: 1 }));
    expect(world.partition()).toHaveLength(400);
    expect(steps.length).toBeGreaterThan(200);
    expect(Math.max(...steps)).toBeLessThan(40);
    expect([...world.store.entries.keys()].filter((key) => /^[nz]/.test(key))).toEqual([]);
  });

  it('emit every cart that moves, when several steps move more carts than are emitted at once', () => {
    const world = new World();
    const carts = ['a', 'b'].flatMap((name) => Array.from({ length: 6 }, (_, i) => `${name}${i}`));
    for (const cart of carts) {
      world.fold(
        cartInput(cart, [`email:${cart[0]}@x.io`, `phone:+${cart}`], { changes: [change(1, 'verification')] }),
      );
    }
    expect(world.partition()).toHaveLength(2);
    world.fold(rulesInput(1, { limit: 3 }));
    expect(new Set(carts.map((cart) => world.personOfCart(cart))).size).toBe(carts.length);
    checkReader(world);
  });

  it('hold for what is seen later', () => {
    const world = new World();
    world.fold(rulesInput(1, { limit: 1, allow: ['phone:+1'], deny: ['email:a@x.io'] }));
    world.fold(cartInput('c1', ['phone:+1', 'email:a@x.io']));
    world.fold(cartInput('c2', ['phone:+1', 'email:b@x.io']));
    world.fold(cartInput('c3', ['email:a@x.io']));
    expect(world.personOfCart('c1')).toBe(world.personOfCart('c2'));
    expect(world.people.get(world.personOfCart('c3'))).toMatchObject({ anonymous: true });
  });
});
