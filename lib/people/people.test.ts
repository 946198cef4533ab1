import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BLANK_SNAPSHOT } from '../carts/index.ts';
import { sortPeople } from './oracle.ts';
import { cartInput, change, recordInput, World } from './testing.ts';
import type { PersonInput } from '../../schemas/types.ts';

interface Case {
  name: string;
  link_limit: number;
  carts: Record<string, [string, string][][]>;
  records: [string, string][][];
  people: string[][];
}

const file = new URL('../../test/semantics-cases.json', import.meta.url);
const cases = (JSON.parse(readFileSync(file, 'utf8')) as { people: Case[] }).people;

const textOf = ([kind, value]: [string, string]): string => `${kind}:${value}`;

const inputsOf = (one: Case): PersonInput[] => [
  ...Object.entries(one.carts).flatMap(([cart, events]) => events.map((event) => cartInput(cart, event.map(textOf)))),
  ...one.records.map((record) => recordInput(record.map(textOf))),
];

function* permutations<T>(items: readonly T[]): Generator<T[]> {
  if (items.length <= 1) yield [...items];
  for (let i = 0; i < items.length; i++) {
    const rest = [...items.slice(0, i), ...items.slice(i + 1)];
    for (const tail of permutations(rest)) yield [items[i] as T, ...tail];
  }
}

/** A small generator of its own, so that a seed means the same everywhere. */
function shuffler(seed: number): <T>(items: readonly T[]) => T[] {
  let state = seed;
  const below = (n: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
  return (items) => {
    const shuffled = [...items];
    for (let i = shuffled.length - 1; i > 0; i--) {
      const j = below(i + 1);
      [shuffled[i], shuffled[j]] = [shuffled[j] as never, shuffled[i] as never];
    }
    return shuffled;
  };
}

function orders(inputs: PersonInput[]): Iterable<PersonInput[]> {
  if (inputs.length <= 5) return permutations(inputs);
  const shuffle = shuffler(7);
  return Array.from({ length: 300 }, () => shuffle(inputs));
}

describe('the cases of the semantics, in any order', () => {
  it.each(cases)('$name', (one) => {
    for (const order of orders(inputsOf(one))) {
      const world = new World({ limit: one.link_limit });
      for (const input of order) world.fold(input);
      expect(sortPeople(world.partition())).toEqual(sortPeople(one.people));
    }
  });
});

describe('ids', () => {
  it('are dense by arrival, and of those that meet the one with more aliases wins, then the smallest', () => {
    const world = new World();
    const counts = [['phone:+1'], ['email:a@x.io'], ['phone:+1', 'email:a@x.io']].map((identifiers, i) => {
      world.fold(cartInput(`c${i}`, identifiers));
      return world.partition().length;
    });
    expect(counts).toEqual([1, 2, 1]);
    expect(world.aliases).toEqual(new Map([[2, 1]]));
    expect(['c0', 'c1', 'c2'].map((cart) => world.personOfCart(cart))).toEqual([1, 1, 1]);
    world.fold(cartInput('c3', ['user_id:3']));
    world.fold(cartInput('c4', ['external: 4']));
    world.fold(recordInput(['user_id:3', 'external: 4']));
    world.fold(cartInput('c5', ['user_id:5']));
    world.fold(recordInput(['user_id:5', 'phone:+5']));
    expect(world.fold(recordInput(['external: 4', 'phone:+5'])).flatMap(({ merge }) => merge ?? [])).toEqual([
      { loser: 5, winner: 3, dissolved: false },
    ]);
  });

  it('are emitted again a few times only, in whatever order people are linked', () => {
    const people = 512;
    const link = (one: number, other: number): PersonInput => recordInput([`user_id:${one}`, `email:${other}@x.io`]);
    const chains: Record<string, PersonInput[]> = {
      'newest to oldest': Array.from({ length: people - 1 }, (_, i) => link(people - 1 - i, people - 2 - i)),
      'oldest to newest': Array.from({ length: people - 1 }, (_, i) => link(i, i + 1)),
    };
    for (const [order, links] of Object.entries(chains)) {
      const world = new World();
      for (let i = 0; i < people; i++) world.fold(recordInput([`user_id:${i}`, `email:${i}@x.io`]));
      const merges = links.flatMap((input) => world.fold(input)).filter(({ kind }) => kind === 'merge');
      expect(merges, order).toHaveLength(people - 1);
      expect(world.partition(), order).toHaveLength(1);
    }
    // The worst case: people of equal size meet. Each id is emitted at most once for each doubling.
    const world = new World();
    for (let i = 0; i < people; i++) world.fold(recordInput([`user_id:${i}`, `email:${i}@x.io`]));
    let merges = 0;
    for (let size = 1; size < people; size *= 2) {
      for (let i = 0; i < people; i += 2 * size) {
        merges += world.fold(link(i, i + size)).filter(({ kind }) => kind === 'merge').length;
      }
    }
    expect(merges).toBeLessThanOrEqual((people / 2) * Math.log2(people));
    expect(new Set(world.aliases.values()).size).toBe(1);
  });

  it('belong to one workspace', () => {
    const world = new World();
    const [mine] = world.fold(cartInput('c', ['phone:+1'], { workspace: 'a' }));
    const [other] = world.fold(cartInput('c', ['phone:+1'], { workspace: 'b' }));
    expect([mine?.person?.person_id, other?.person?.person_id]).toEqual([1, 1]);
    expect([mine?.workspace, other?.workspace]).toEqual(['a', 'b']);
  });

  it('of an anonymous cart gain its identifiers, or merge into who has them', () => {
    const world = new World();
    world.fold(cartInput('c1', []));
    expect(world.people.get(1)).toMatchObject({ anonymous: true, identifiers: [] });
    world.fold(cartInput('c1', ['email:a@x.io']));
    expect(world.people.get(1)).toMatchObject({ anonymous: false, identifiers: [{ value: 'a@x.io' }] });
    world.fold(cartInput('c2', []));
    world.fold(cartInput('c2', ['email:a@x.io']));
    expect(world.aliases).toEqual(new Map([[2, 1]]));
    expect(world.dissolved).toEqual(new Set([2]));
  });

  it('of an anonymous cart are dissolved into who has its identifiers, whichever id is smaller', () => {
    const world = new World({ limit: 1 });
    world.fold(cartInput('guest', [], { changes: [change(5, 'verification')] }));
    world.fold(cartInput('known', ['email:a@x.io']));
    const outcomes = world.fold(cartInput('guest', ['email:a@x.io'], { changes: [change(6, 'preparing')] }));
    expect(outcomes.flatMap(({ merge }) => merge ?? [])).toEqual([{ loser: 1, winner: 2, dissolved: true }]);
    expect(outcomes.flatMap(({ cart }) => cart ?? [])).toMatchObject([{ person_id: 2, moved_from: 1 }]);
    expect(outcomes.flatMap(({ trait }) => trait ?? [])).toMatchObject([
      { person_id: 2, moved_from: 1, op: 'updated', occurred_at: 5 },
      { person_id: 2, moved_from: null, op: 'asserted', occurred_at: 6 },
    ]);
    // The id still leads to the person after a further merge, and is still dissolved.
    world.fold(cartInput('c1', ['phone:+1']));
    world.fold(cartInput('c2', ['user_id:1']));
    world.fold(recordInput(['phone:+1', 'user_id:1']));
    world.fold(cartInput('c3', ['external: 3']));
    world.fold(recordInput(['external: 3', 'user_id:1']));
    const merges = world.fold(recordInput(['email:a@x.io', 'phone:+1'])).flatMap(({ merge }) => merge ?? []);
    expect(merges).toEqual([
      { loser: 2, winner: 3, dissolved: false },
      { loser: 1, winner: 3, dissolved: true },
    ]);
  });
});

describe('trait events', () => {
  it('have an id that is made of what they assert, and name what they replace', () => {
    const world = new World();
    world.fold(cartInput('c', ['phone:+1'], { changes: [change(5, 'verification')] }));
    const [first] = [...world.traits.values()];
    expect(first).toMatchObject({ person_id: 1, cart_id: 'c', op: 'asserted', status: 'verification' });
    expect(first?.event_id).toMatch(/^[0-9a-f]{32}$/);
    world.fold(cartInput('c', [], { changes: [change(7, 'verification', { replaces: 5 })] }));
    expect([...world.traits.values()][1]?.replaces).toBe(first?.event_id);
  });

  it('keep the id that they were concluded under when people merge; later ones have the new one', () => {
    const world = new World();
    world.fold(cartInput('c1', ['phone:+1']));
    world.fold(cartInput('c2', ['email:a@x.io'], { changes: [change(5, 'verification')] }));
    const outcomes = world.fold(cartInput('c3', ['phone:+1', 'email:a@x.io']));
    expect(outcomes.map(({ kind }) => kind)).toEqual(['merge', 'person', 'cart']);
    world.fold(cartInput('c2', [], { changes: [change(6, 'preparing')] }));
    expect([...world.traits.values()].map((row) => row.person_id)).toEqual([2, 1]);
  });

  it('are emitted again under the new person for the carts that part, and only for them', () => {
    const world = new World({ limit: 2 });
    const products = [{ product_id: 'p', count: 2, price: 9.5 }];
    for (const i of [0, 1, 2]) {
      const changes = [
        change(10 + i, 'verification', { products, amount: 41.8, store_id: '68' }),
        change(20 + i, '', { op: 'asserted', recovered_at: 30 }),
      ];
      world.fold(cartInput(`c${i}`, [`email:${i}@x.io`], { changes }));
    }
    world.fold(cartInput('c0', ['phone:+1']));
    world.fold(cartInput('c1', ['phone:+1']));
    world.fold(cartInput('c0', [], { changes: [change(10, 'verification', { op: 'retracted', retracted_at: 50 })] }));
    expect(world.personOfCart('c1')).toBe(1);
    const before = new Map(world.traits);
    const outcomes = world.fold(cartInput('c2', ['phone:+1']));
    expect(outcomes.map(({ kind }) => kind)).toEqual([
      ...['person', 'person', 'person', 'cart', 'cart', 'trait', 'trait'],
      'link_report',
    ]);
    expect(world.partition().length).toBe(3);
    for (const [id, row] of world.traits) {
      const { person_id, op, ...rest } = row;
      expect(world.resolve(person_id)).toBe(world.personOfCart(row.cart_id));
      const { person_id: formerId, op: _op, ...had } = before.get(id) as typeof row;
      const isMoved = person_id !== formerId;
      // By then the cart has carried the phone.
      const wanted = isMoved ? { moved_from: formerId, cart_phone: '+1' } : { moved_from: null };
      expect(rest).toEqual({ ...had, ...wanted });
      if (row.cart_id === 'c1') expect(op).toBe('updated');
    }
  });

  it('survive in their thousands', () => {
    const world = new World({ limit: 1 });
    world.fold(cartInput('big', ['email:a@x.io', 'phone:+1']));
    for (let i = 0; i < 2000; i++) {
      world.fold(cartInput('big', [], { at: i, changes: [change(i, i % 2 ? 'preparing' : 'verification')] }));
    }
    for (let i = 0; i < 2000; i += 100) {
      world.fold(cartInput('big', [], { at: i, changes: [change(i, 'verification', { op: 'updated', amount: i })] }));
    }
    world.fold(cartInput('c1', ['phone:+1']));
    world.fold(cartInput('c2', ['phone:+1']));
    const outcomes = world.fold(cartInput('c3', ['phone:+1', 'email:b@x.io']));
    // The part with two carts continues as the person, so the big one parts.
    const rows = outcomes.flatMap(({ trait }) => trait ?? []);
    expect(rows.length).toBe(2000);
    expect(rows.filter(({ amount }) => amount !== null).length).toBe(20);
    expect(new Set(rows.map(({ event_id }) => event_id)).size).toBe(2000);
    const longest = Math.max(...[...world.store.entries.values()].map((value) => value.length));
    expect(longest).toBeLessThan(4096);
  });
});

describe('profiles', () => {
  it('have the smallest and the largest T, and the latest name and time zone', () => {
    const world = new World();
    world.fold(cartInput('c', ['phone:+1'], { at: 500, name: 'Ada' }));
    world.fold(cartInput('c', [], { at: 300, name: 'Grace' }));
    world.fold(recordInput(['phone:+1'], { at: 700, timeZone: 'Asia/Tokyo' }));
    expect(world.people.get(1)).toMatchObject({ first_at: 300, last_at: 700, name: 'Ada', time_zone: 'Asia/Tokyo' });
  });

  it('are not emitted for the time of a later event alone, if the cart is emitted with it', () => {
    const world = new World({ deny: new Set(['2+9']) });
    const cart = (phone: string, at: number, lastEventAt: number | null): string[] => {
      const snapshot = { ...BLANK_SNAPSHOT, last_event_at: lastEventAt };
      return world.fold(cartInput(`c${phone}`, [phone], { at, snapshot })).map(({ kind }) => kind);
    };
    for (const phone of ['phone:+1', 'phone:+9']) {
      cart(phone, 500, 500);
      expect(cart(phone, 600, 600)).toEqual(['cart']);
      expect(cart(phone, 700, null)).toEqual(['person', 'cart']);
      expect(cart(phone, 800, 800)).toEqual(['cart']);
      expect(cart(phone, 400, 800)).toEqual(['person', 'cart']);
    }
    expect(world.fold(recordInput(['phone:+1'], { at: 900 })).map(({ kind }) => kind)).toEqual(['person']);
    expect([...world.people.values()].map((person) => [person.first_at, person.last_at])).toEqual([
      [400, 900],
      [400, 800],
    ]);
  });

  it('are emitted only when they change', () => {
    const world = new World();
    world.fold(cartInput('c', ['phone:+1'], { at: 500 }));
    expect(world.fold(cartInput('c', ['phone:+1'], { at: 500 })).map(({ kind }) => kind)).toEqual(['cart']);
    expect(world.fold(cartInput('c', [], { at: null })).map(({ kind }) => kind)).toEqual(['cart']);
    expect(world.fold(cartInput('c', [], { at: 501 })).map(({ kind }) => kind)).toEqual(['person', 'cart']);
  });

  it('count nobody for a record that carries only junk', () => {
    const world = new World({ deny: new Set(['2+1']) });
    const outcomes = world.fold(recordInput(['phone:+1']));
    expect(outcomes.filter(({ kind }) => kind !== 'link_report')).toEqual([]);
    world.fold(cartInput('c', ['phone:+1']));
    expect(world.people.get(1)).toMatchObject({ anonymous: true, name: null });
  });

  it('take the latest consent by T, at the same T the refusal, and none from beyond receipt', () => {
    const consentAfter = (...inputs: PersonInput[]): string | null | undefined => {
      const world = new World();
      for (const input of inputs) world.fold(input);
      return world.people.get(1)?.identifiers[0]?.consent;
    };
    const yes = recordInput(['phone:+1'], { at: 10, sms: 'opted_in' });
    const no = recordInput(['phone:+1'], { at: 10, sms: 'opted_out' });
    const later = recordInput(['phone:+1'], { at: 11, sms: 'opted_in' });
    const ahead = recordInput(['phone:+1'], { at: 99, receivedAt: 9, sms: 'opted_out' });
    expect(consentAfter(yes)).toBe('opted_in');
    expect(consentAfter(yes, no)).toBe('opted_out');
    expect(consentAfter(no, yes)).toBe('opted_out');
    expect(consentAfter(later, no)).toBe('opted_in');
    expect(consentAfter(ahead, yes)).toBe('opted_in');
    expect(consentAfter(cartInput('c', ['phone:+1']), yes)).toBe('opted_in');
    expect(consentAfter(recordInput(['phone:+1'], { email: 'opted_in' }))).toBeNull();
  });
});
