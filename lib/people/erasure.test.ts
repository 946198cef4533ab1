import { describe, expect, it } from 'vitest';
import type { Outcome } from '../../schemas/types.ts';
import { BLANK_SNAPSHOT } from '../carts/index.ts';
import { decodeIdentifier } from './entry-bytes.ts';
import { cartInput, change, erasureInput, recordInput, rulesInput, World } from './testing.ts';

const PHONE = 'phone:+18085550143';
const EMAIL = 'email:kay@example.com';

const kinds = (outcomes: readonly Outcome[]): string[] => outcomes.map(({ kind }) => kind);
const isInState = (world: World, text: string): boolean =>
  [...world.store.entries].some(([key, value]) => `${key} ${value.toString('latin1')}`.includes(text));
const seenWith = (world: World, word: string): number[] =>
  decodeIdentifier(word, world.store.get(`i/w/${word}`)!).seenWith;

describe('an erased person', () => {
  it('is gone with all carts, trait events, records, identifiers and ids that were merged into them', () => {
    const world = new World();
    world.fold(cartInput('c1', [PHONE], { at: 100, name: 'Kay', changes: [change(90), change(95, 'preparing')] }));
    world.fold(recordInput([EMAIL], { at: 200, name: 'Kay', email: 'opted_in' }));
    world.fold(cartInput('c2', [], { at: 250, changes: [change(240)] }));
    world.fold(cartInput('other', ['phone:+1999'], { at: 260, changes: [change(255)] }));
    world.fold(cartInput('c2', [PHONE, EMAIL], { at: 300 }));
    const outcomes = world.fold(erasureInput(400, { identifiers: [PHONE], carts: ['c1'] }));
    expect(kinds(outcomes)).toEqual(['erasure', 'erasure', 'erasure']);
    expect(outcomes[0]!.erasure).toEqual({ person_id: 1, former_ids: [3, 2], carts: [], trait_events: [] });
    expect(outcomes[1]!.erasure?.carts).toEqual([
      { cart_id: 'c1', person_id: 1 },
      { cart_id: 'c2', person_id: 1 },
    ]);
    expect(outcomes[2]!.erasure?.trait_events).toHaveLength(3);
    expect([...world.people.keys()]).toEqual([4]);
    expect([...world.carts]).toEqual([['other', 4]]);
    expect(world.traits.size).toBe(1);
    for (const text of [PHONE.slice(6), EMAIL.slice(6), 'Kay']) expect(isInState(world, text), text).toBe(false);
  });

  it('is gone from pairs too that the last carrier of both identifiers was too full to record', () => {
    const world = new World({ limit: 1 }, undefined, 1);
    const emails = ['email:ann@x.io', 'email:bob@x.io', 'email:cat@x.io'];
    const phones = ['phone:+15550000001', 'phone:+15550000002'];
    world.fold(recordInput([emails[2]!, phones[0]!], { at: 1, receivedAt: 1 }));
    world.fold(cartInput('c1', [...emails.slice(0, 2), ...phones], { at: 2, receivedAt: 2 }));
    world.fold(cartInput('c1', [emails[2]!], { at: 3, receivedAt: 3 }));
    world.fold(erasureInput(4, { carts: [], identifiers: [emails[2]!, phones[0]!] }));
    world.fold(erasureInput(5, { carts: ['c1'], identifiers: [] }));
    for (const text of ['@x.io', '+1555']) expect(isInState(world, text), text).toBe(false);
  });

  it('may have thousands of identifiers and trait events: all are gone, in records of a bounded size', () => {
    const world = new World();
    const emails = Array.from({ length: 120 }, (_, i) => `email:address-${i}@example.com`);
    for (const [i, email] of emails.entries()) world.fold(recordInput(['user_id:user-7', email], { at: i }));
    world.fold(rulesInput(1, { limit: 100, allow: ['user_id:user-7'] }));
    expect(world.partition()).toHaveLength(1);
    const status = 'x'.repeat(200);
    for (let i = 0; i < 300; i++) {
      const changes = Array.from({ length: 20 }, (_, k) => change(i * 100 + k, status));
      world.fold(cartInput(`c${i % 3}`, ['user_id:user-7'], { at: 1000 + i, changes }));
    }
    const outcomes = world.fold(erasureInput(9999, { identifiers: ['user_id:user-7'] }));
    expect(outcomes.length).toBeGreaterThan(10);
    for (const outcome of outcomes) expect(JSON.stringify(outcome).length).toBeLessThan(400_000);
    expect(world.traits.size).toBe(0);
    expect(isInState(world, 'address-')).toBe(false);
    // The id is on the allow list of the link rules.
    expect([...world.store.entries.keys()].filter((key) => !/^[ew]\//.test(key))).toEqual(['r/w']);
  });

  it('leaves others as they are: shared junk links nobody, and remains junk', () => {
    const world = new World({ limit: 2 });
    for (const name of ['a', 'b', 'c']) {
      world.fold(cartInput(name, [PHONE, `email:${name}@x.io`], { at: 100, changes: [change(90)] }));
    }
    expect(world.partition()).toHaveLength(3);
    const outcomes = world.fold(erasureInput(400, { identifiers: [PHONE, 'email:b@x.io'], carts: ['b'] }));
    expect(kinds(outcomes)).toEqual(['erasure', 'erasure', 'erasure']);
    expect(world.partition()).toEqual([
      ['email:a@x.io', 'cart:a'],
      ['email:c@x.io', 'cart:c'],
    ]);
    world.fold(cartInput('d', [PHONE, 'email:a@x.io'], { at: 500 }));
    expect(world.partition()).toHaveLength(2);
  });

  it('who is made of junk loses the named carts only, and the times of the others count', () => {
    const world = new World({ deny: new Set(['2+18085550143']) });
    for (const [i, name] of ['a', 'b', 'c'].entries()) world.fold(cartInput(name, [PHONE], { at: 100 * (i + 1) }));
    const outcomes = world.fold(erasureInput(400, { identifiers: [PHONE], carts: ['a'] }));
    expect(kinds(outcomes)).toEqual(['erasure', 'person']);
    expect(outcomes[1]!.person).toMatchObject({ first_at: 200, last_at: 300 });
    world.fold(erasureInput(500, { identifiers: [PHONE], carts: ['b', 'c'] }));
    expect(world.people.size).toBe(0);
    expect(isInState(world, PHONE.slice(6))).toBe(false);
  });
});

describe('what was received before an erasure', () => {
  const erasedWorld = (): World => {
    const world = new World();
    world.fold(cartInput('c1', [PHONE], { at: 100, changes: [change(90)] }));
    world.fold(erasureInput(400, { identifiers: [PHONE, EMAIL], carts: ['c1', 'c2'] }));
    return world;
  };

  it.each([
    ['an event of an erased cart', cartInput('c1', [PHONE], { at: 100, receivedAt: 400, changes: [change(95)] })],
    ['an event of a cart that is erased before it was known', cartInput('c2', [], { at: 100, receivedAt: 399 })],
    ['an unknown cart with an erased identifier', cartInput('c3', [EMAIL], { at: 100, receivedAt: 400 })],
    ['a deadline of an erased cart', cartInput('c1', [], { at: null, receivedAt: 900, changes: [change(95)] })],
    ['a record with an erased identifier', recordInput([EMAIL, 'user_id:7'], { at: 100, receivedAt: 400 })],
  ])('concludes nothing: %s', (_, input) => {
    const world = erasedWorld();
    expect(world.fold(input)).toEqual([]);
    expect(world.partition()).toEqual([]);
    expect(isInState(world, PHONE.slice(6)) || isInState(world, EMAIL.slice(6))).toBe(false);
  });

  it('takes an anonymous cart with it once the cart turns out to be theirs, and a cart from among others', () => {
    const world = new World();
    world.fold(cartInput('c1', [PHONE]));
    world.fold(cartInput('c4', [], { at: 50, changes: [change(40)] }));
    world.fold(cartInput('c5', ['user_id:user-1'], { at: 60 }));
    world.fold(cartInput('c6', ['user_id:user-1', 'email:a@x.io'], { at: 70, changes: [change(65)] }));
    world.fold(erasureInput(400, { carts: ['c1'] }));
    world.fold(cartInput('c4', [PHONE], { at: 80, receivedAt: 300 }));
    world.fold(cartInput('c6', [PHONE], { at: 80, receivedAt: 300 }));
    expect(world.partition()).toEqual([['user_id:user-1', 'cart:c5']]);
    expect(world.traits.size).toBe(0);
  });

  it.each([1, 150, 5000])('a later delivery makes a new person, for any T (%i)', (at) => {
    const world = erasedWorld();
    world.fold(cartInput('c1', [], { at: null, receivedAt: 450, changes: [change(95)] }));
    const snapshot = { ...BLANK_SNAPSHOT, abandoned_at: 90, recovered_at: 99, status: 'preparing' };
    const later = { at, receivedAt: 401, snapshot };
    world.fold(cartInput('c1', [PHONE], { ...later, changes: [change(96, 'preparing'), change(97)] }));
    expect(world.partition()).toEqual([[PHONE, 'cart:c1']]);
    expect(world.people.get(2)).toMatchObject({ first_at: at, last_at: at });
    const cart = world.outcomes.findLast(({ kind }) => kind === 'cart')?.cart;
    expect(cart).toMatchObject({ person_id: 2, moved_from: null, abandoned_at: null, recovered_at: null });
    // What was concluded before does not return when it is recovered, retracted, asserted again or replaced.
    world.fold(
      cartInput('c1', [], {
        at: null,
        receivedAt: 500,
        changes: [
          change(90, '', { op: 'updated', recovered_at: 96 }),
          change(95, '', { op: 'retracted', retracted_at: 500 }),
          change(98, '', { replaces: 95 }),
        ],
      }),
    );
    const traits = [...world.traits.values()].map((row) => [row.occurred_at, row.replaces]);
    expect(traits).toEqual([
      [96, null],
      [97, null],
      [98, null],
    ]);
  });

  it('still changes the state of a cart that was seen again, but adds nothing of its own', () => {
    const world = erasedWorld();
    world.fold(cartInput('c1', [], { at: 500, receivedAt: 500, changes: [change(500, 'preparing')] }));
    world.fold(
      cartInput('c1', [PHONE], {
        at: 300,
        receivedAt: 390,
        changes: [change(300, 'verification'), change(500, 'preparing', { op: 'updated', amount: 5 })],
      }),
    );
    expect(world.partition()).toEqual([['cart:c1']]);
    expect([...world.traits.values()].map((row) => [row.occurred_at, row.amount])).toEqual([[500, 5]]);
  });
});

describe('an erasure', () => {
  it('has an effect once: its repetition and its further records spare anyone who was seen since', () => {
    const world = new World();
    world.fold(cartInput('c1', [PHONE], { at: 100 }));
    const erasure = erasureInput(400, { identifiers: [PHONE], carts: ['c1'] });
    expect(world.fold(erasure)).toHaveLength(2);
    expect(world.fold(erasure)).toEqual([]);
    world.fold(cartInput('c1', [PHONE], { at: 450 }));
    expect(world.fold(erasure)).toEqual([]);
    expect(world.people.size).toBe(1);
    world.fold(erasureInput(500, { identifiers: [PHONE] }));
    expect(world.people.size).toBe(0);
  });

  it('of nobody leaves only markers', () => {
    const world = new World();
    expect(world.fold(erasureInput(400, { identifiers: [PHONE], carts: ['c1'] }))).toEqual([]);
    expect([...world.store.entries.keys()].every((key) => key.startsWith('e/'))).toBe(true);
  });

  it('keeps a pair of identifiers that others still have, so that it is not counted twice', () => {
    const world = new World({ deny: new Set(['08', '2+1']) });
    for (const cart of ['a', 'b']) world.fold(cartInput(cart, ['user_id:8', 'phone:+1', `email:${cart}@x.io`]));
    world.fold(erasureInput(400, { carts: ['a'] }));
    expect(world.store.get('x/w/2/082+1')).toBeDefined();
    world.fold(cartInput('c', ['user_id:8', 'phone:+1'], { at: 500 }));
    expect(seenWith(world, '2+1')).toEqual([1, 0, 0, 2]);
    // Nobody has the pair any longer: it is not stored, and counts again.
    world.fold(erasureInput(600, { carts: ['b'] }));
    world.fold(erasureInput(600, { carts: ['c'] }));
    expect([...world.store.entries.keys()].filter((key) => /^[xi]/.test(key))).toEqual([]);
  });

  it('keeps the list of carriers whole where it leads through chunks of identifiers', () => {
    const world = new World({ deny: new Set(['2+1']) });
    const emails = (name: string): string[] => Array.from({ length: 90 }, (_, i) => `email:${name}${i}@x.io`);
    const many = { limit: 100, deny: ['phone:+1'] };
    world.fold(rulesInput(1, many));
    world.fold(cartInput('first', ['phone:+1', 'email:f@x.io']));
    world.fold(cartInput('middle', ['phone:+1', 'email:m@x.io']));
    world.fold(cartInput('last', ['phone:+1', ...emails('l')]));
    world.fold(erasureInput(400, { carts: ['middle'] }));
    expect(world.partition()).toHaveLength(2);
    world.fold(rulesInput(2, { ...many, deny: [] }));
    expect(world.partition()).toHaveLength(1);
  });
});
