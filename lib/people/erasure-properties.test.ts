import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { PersonInput, TraitChange } from '../../schemas/types.ts';
import { junkOf, kindOf, sortPeople, whoIsWho, type Seen } from './oracle.ts';
import { cartInput, change, erasureInput, recordInput, rulesInput, World } from './testing.ts';

const IDENTIFIERS = Array.from({ length: 4 }, (_, i) => [
  `user_id:user-${i}`,
  `external:pos ext-${i}`,
  `phone:+1555000000${i}`,
  `email:mail-${i}@x.io`,
]).flat();

/** One input; all numbers are small, so that carts, identifiers and trait events meet. */
type Step =
  | { kind: 'cart'; cart: number; identifiers: string[]; at: number; trait: number | null; lateBy: number }
  | { kind: 'record'; identifiers: string[]; at: number; lateBy: number }
  | { kind: 'tick'; cart: number; trait: number }
  | { kind: 'erase'; which: number; by: 'both' | 'carts' | 'identifiers' }
  | { kind: 'rules'; limit: number; allow: string[]; deny: string[] };

/** Most deliveries arrive in time. */
const lateArbitrary = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat({ max: 6 }) });
const traitArbitrary = fc.option(fc.integer({ min: 1, max: 4 }), { freq: 2 });
const atArbitrary = fc.integer({ min: 1, max: 60 });

/** Steps of some carts with these identifiers, a few in each delivery. */
function stepsOf(among: readonly string[], carts: number, maxLength: number): fc.Arbitrary<Step> {
  const identifiers = fc.uniqueArray(fc.constantFrom(...among), { maxLength });
  const listed = fc.uniqueArray(fc.constantFrom(...among), { maxLength: 2 });
  const cart = fc.nat({ max: carts - 1 });
  return fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({
        kind: fc.constant('cart' as const),
        cart,
        identifiers,
        at: atArbitrary,
        trait: traitArbitrary,
        lateBy: lateArbitrary,
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('record' as const),
        identifiers,
        at: atArbitrary,
        lateBy: lateArbitrary,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant('tick' as const),
        cart,
        trait: fc.integer({ min: 1, max: 4 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('erase' as const),
        which: fc.nat({ max: 20 }),
        by: fc.constantFrom('both' as const, 'carts' as const, 'identifiers' as const),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant('rules' as const),
        limit: fc.integer({ min: 1, max: 3 }),
        allow: listed,
        deny: listed,
      }),
    },
  );
}

/** What has been seen and not been erased, with what erasures have left. */
class Model {
  seen: Seen[] = [];
  readonly traits = new Map<string, Set<number>>();
  limit = 25;
  lists: { allow: string[]; deny: string[] } = { allow: [], deny: [] };
  private readonly ghosts = new Map<string, Map<string, number>>();
  private readonly cartsThrough = new Map<string, number>();
  private readonly identifiersThrough = new Map<string, number>();
  private readonly erasedTraits = new Map<string, Set<number>>();

  people(): string[][] {
    return whoIsWho(this.seen, this.limit, this.lists, this.ghosts);
  }

  carried(): Set<string> {
    return new Set(this.seen.flatMap(({ identifiers }) => [...identifiers]));
  }

  record(identifiers: readonly string[], receivedAt: number): void {
    if (identifiers.length === 0 || this.erasedThrough(identifiers, receivedAt) !== undefined) return;
    this.seen.push({ cart: null, identifiers: new Set(identifiers) });
  }

  cart(cart: string, identifiers: readonly string[], trait: number | null, receivedAt: number): void {
    const known = this.seen.find((one) => one.cart === cart);
    if (receivedAt <= (this.cartsThrough.get(cart) ?? -1)) {
      const has = trait !== null && this.traits.get(cart)?.has(trait) === true;
      if (trait !== null && (known === undefined || !has)) this.eraseTrait(cart, trait);
      return;
    }
    const through = this.erasedThrough(identifiers, receivedAt);
    if (through !== undefined) {
      if (known !== undefined) this.remove([known], new Set(), through);
      this.cartsThrough.set(cart, Math.max(through, this.cartsThrough.get(cart) ?? -1));
      if (trait !== null) this.eraseTrait(cart, trait);
      return;
    }
    if (known === undefined) this.seen.push({ cart, identifiers: new Set(identifiers) });
    else this.seen[this.seen.indexOf(known)] = { cart, identifiers: new Set([...known.identifiers, ...identifiers]) };
    if (trait !== null) this.assertTrait(cart, trait);
  }

  /** A deadline concludes a trait event. */
  tick(cart: string, trait: number): void {
    if (this.seen.some((one) => one.cart === cart)) this.assertTrait(cart, trait);
    else if (this.cartsThrough.has(cart)) this.eraseTrait(cart, trait);
    else {
      this.seen.push({ cart, identifiers: new Set() });
      this.assertTrait(cart, trait);
    }
  }

  erase(names: { carts: string[]; identifiers: string[] }, through: number): void {
    const junk = junkOf(this.seen, this.limit, this.lists, this.ghosts);
    const people = this.people().filter(
      (members) =>
        members.some((member) => names.carts.includes(member.replace('cart:', '')) && member.startsWith('cart:')) ||
        members.some((member) => names.identifiers.includes(member) && !junk.has(member)),
    );
    const owned = new Set(people.flat().filter((member) => !member.startsWith('cart:') && !junk.has(member)));
    const isMadeOfJunk = (members: string[]): boolean => members.some((member) => junk.has(member));
    const carts = new Set(
      people.flatMap((members) =>
        members
          .filter((member) => member.startsWith('cart:'))
          .map((member) => member.slice('cart:'.length))
          .filter((cart) => !isMadeOfJunk(members) || names.carts.includes(cart)),
      ),
    );
    const nobodys = ({ cart, identifiers }: Seen): boolean =>
      cart === null && [...identifiers].every((one) => junk.has(one) && names.identifiers.includes(one));
    const erased = this.seen.filter(
      (one) =>
        (one.cart !== null && carts.has(one.cart)) ||
        (one.cart === null && [...one.identifiers].some((identifier) => owned.has(identifier))) ||
        nobodys(one),
    );
    this.remove(erased, owned, through);
    for (const one of owned) this.identifiersThrough.set(one, through);
  }

  private remove(erased: readonly Seen[], owned: ReadonlySet<string>, through: number): void {
    const before = this.partners(erased);
    this.seen = this.seen.filter((one) => !erased.includes(one));
    const after = this.partners(this.seen);
    const carried = this.carried();
    for (const [one, partners] of before) {
      if (owned.has(one) || !carried.has(one)) {
        this.ghosts.delete(one);
        continue;
      }
      const counts = this.ghosts.get(one) ?? new Map<string, number>();
      for (const other of partners) {
        if (after.get(one)?.has(other) !== true) counts.set(kindOf(other), (counts.get(kindOf(other)) ?? 0) + 1);
      }
      this.ghosts.set(one, counts);
    }
    for (const { cart } of erased) {
      if (cart === null) continue;
      this.cartsThrough.set(cart, through);
      for (const trait of this.traits.get(cart) ?? []) this.eraseTrait(cart, trait);
      this.traits.delete(cart);
    }
  }

  /** What each identifier was seen with. */
  private partners(seen: readonly Seen[]): Map<string, Set<string>> {
    const partners = new Map<string, Set<string>>();
    for (const { identifiers } of seen) {
      for (const one of identifiers) {
        const others = partners.get(one) ?? new Set<string>();
        for (const other of identifiers) if (kindOf(other) !== kindOf(one)) others.add(other);
        partners.set(one, others);
      }
    }
    return partners;
  }

  private erasedThrough(identifiers: readonly string[], receivedAt: number): number | undefined {
    const through = Math.max(-1, ...identifiers.map((one) => this.identifiersThrough.get(one) ?? -1));
    return through >= receivedAt ? through : undefined;
  }

  private assertTrait(cart: string, trait: number): void {
    if (this.erasedTraits.get(cart)?.has(trait) === true) return;
    this.traits.set(cart, (this.traits.get(cart) ?? new Set()).add(trait));
  }

  private eraseTrait(cart: string, trait: number): void {
    this.erasedTraits.set(cart, (this.erasedTraits.get(cart) ?? new Set()).add(trait));
  }
}

/** Drives the fold and the model through one history. */
class History {
  readonly world: World;
  readonly model = new Model();
  readonly inputs: PersonInput[] = [];
  private now = 100;

  /** With a low `highestLimit`, which is the limit at first, identifiers of carts are saturated. */
  constructor(private readonly highestLimit = 25) {
    this.world = new World({ limit: highestLimit }, undefined, highestLimit);
    this.model.limit = highestLimit;
  }

  take(step: Step): void {
    this.now += 1;
    switch (step.kind) {
      case 'cart': {
        const cart = `c${step.cart}`;
        const receivedAt = this.now - step.lateBy;
        const changes: TraitChange[] = step.trait === null ? [] : [change(step.trait, 'verification')];
        this.fold(cartInput(cart, step.identifiers, { at: step.at, changes, receivedAt }));
        this.model.cart(cart, step.identifiers, step.trait, receivedAt);
        return;
      }
      case 'record': {
        const receivedAt = this.now - step.lateBy;
        this.fold(recordInput(step.identifiers, { at: step.at, receivedAt }));
        this.model.record(step.identifiers, receivedAt);
        return;
      }
      case 'tick': {
        const changes = [change(step.trait, 'verification')];
        this.fold(cartInput(`c${step.cart}`, [], { at: null, changes, receivedAt: this.now }));
        this.model.tick(`c${step.cart}`, step.trait);
        return;
      }
      case 'erase': {
        const people = this.model.people();
        const members = people[step.which % Math.max(1, people.length)];
        if (members === undefined) return;
        const carts = members.filter((one) => one.startsWith('cart:')).map((one) => one.slice('cart:'.length));
        const identifiers = members.filter((one) => !one.startsWith('cart:'));
        const names = {
          carts: step.by === 'identifiers' ? [] : carts,
          identifiers: step.by === 'carts' ? [] : identifiers,
        };
        this.fold(erasureInput(this.now, names));
        this.model.erase(names, this.now);
        return;
      }
      case 'rules': {
        const { allow, deny } = step;
        const limit = Math.min(step.limit, this.highestLimit);
        this.fold(rulesInput(this.now, { limit, allow, deny }));
        this.model.limit = limit;
        this.model.lists = { allow, deny };
      }
    }
  }

  private fold(input: PersonInput): void {
    this.inputs.push(input);
    this.world.fold(input);
  }
}

function check({ world, model }: History): void {
  expect(sortPeople(world.partition())).toEqual(model.people());
  const traits = new Map<string, Set<number>>();
  for (const row of world.traits.values()) {
    expect(world.resolve(row.person_id)).toBe(world.personOfCart(row.cart_id));
    traits.set(row.cart_id, (traits.get(row.cart_id) ?? new Set()).add(row.occurred_at));
  }
  expect(traits).toEqual(model.traits);
  const current = [
    ...[...world.carts].map(([cart, id]) => `${id}/cart ${cart}`),
    ...[...world.traits.values()].map((row) => `${row.person_id}/${row.event_id}`),
  ];
  expect([...world.byPerson].sort()).toEqual(current.sort());
}

/** No identifier that nothing carries any more is anywhere in the state, but in the link rules. */
function checkTraces({ world, model }: History): void {
  const carried = model.carried();
  const gone = IDENTIFIERS.filter((one) => !carried.has(one)).map((one) => one.slice(one.indexOf(':') + 1));
  for (const [key, value] of world.store.entries) {
    if (key.startsWith('r/')) continue;
    const text = `${key} ${value.toString('latin1')}`;
    for (const one of gone) expect(text.includes(one), `${one} in ${key}`).toBe(false);
  }
}

describe('an erasure', () => {
  it('leaves the people of the oracle and no trace, with merges, partings and rules before and after', () => {
    fc.assert(
      fc.property(fc.array(stepsOf(IDENTIFIERS, 6, 3), { minLength: 1, maxLength: 30 }), (steps) => {
        const history = new History();
        for (const step of steps) {
          history.take(step);
          check(history);
        }
        checkTraces(history);
      }),
      { numRuns: 3000 },
    );
  });

  it('does so with carts that have more identifiers than any limit allows', () => {
    const few = IDENTIFIERS.filter((one) => /^(phone|email).*[0-2]/.test(one) && !one.includes('3'));
    const limits = fc.integer({ min: 1, max: 2 });
    const histories = fc.array(stepsOf(few, 2, 4), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(limits, histories, (limit, steps) => {
        const history = new History(limit);
        for (const step of steps) {
          history.take(step);
          check(history);
        }
        checkTraces(history);
      }),
      { numRuns: 3000 },
    );
  });
});
