import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FlowInput, FlowProfile, PersonInput } from '../../schemas/types.ts';
import { BLANK_SNAPSHOT } from '../carts/index.ts';
import {
  cartInput,
  change,
  commandInput,
  erasureInput,
  poolInput,
  recordInput,
  rulesInput,
  settingsInput,
  World,
} from './testing.ts';

const DAY_MS = 86_400_000;

/** What a record says in short. */
function shown({
  kind,
  changes,
  profile,
  merge,
  parting,
  erasure,
  command,
  settings,
  code_pool: pool,
}: FlowInput): unknown {
  const text = (list: readonly { occurred_at: number; status: string; op: string }[]): string =>
    list.map(({ occurred_at, status, op }) => `${op} ${status || 'abandoned'} ${occurred_at}`).join(', ');
  if (changes !== null) return `${changes.cart_id} of ${changes.person_id}: ${text(changes.changes)}`;
  if (profile !== null) return `profile ${profile.person_id}`;
  if (merge !== null) return `merge ${merge.loser} into ${merge.winner}`;
  if (parting !== null) return parting.carts.map(({ cart_id, person_id }) => `${cart_id} to ${person_id}`).join(', ');
  if (erasure !== null) return `erase ${erasure.person_id ?? ''}/${erasure.former_ids.join()}/${erasure.carts.join()}`;
  if (command !== null) return `${command.what} ${command.number}`;
  if (settings !== null) return `settings ${settings.name} ${settings.number}`;
  return pool === null ? kind : `pool ${pool.name} ${pool.total} ${pool.number}`;
}

/** What the inputs write for flows, in short; with `from`, only those from this one on. */
function written(inputs: readonly PersonInput[], from = 0): unknown[] {
  const world = new World();
  inputs.forEach((input, i) => {
    if (i === from) world.flowInputs.length = 0;
    world.fold(input);
  });
  return world.flowInputs.map(shown);
}

describe('the log of flows', () => {
  it('has nothing of a workspace in which no flow was ever published', () => {
    const inputs = [
      settingsInput(1, 'Acme'),
      poolInput(2, 'ten', 5),
      cartInput('c', ['email:a@x.io'], { changes: [change(1000, 'verification')] }),
      commandInput(3, 'pause'),
      commandInput(-1, 'cancel'),
      recordInput(['email:a@x.io', 'phone:+18085550143'], { name: 'Ada' }),
      erasureInput(2000, { carts: ['c'] }),
    ];
    expect(written(inputs)).toEqual([]);
  });

  it('begins with the settings and code pools, then the history, then the publish', () => {
    const open = { ...BLANK_SNAPSHOT, due_at: 5000 };
    const inputs = [
      poolInput(4, 'ten', 5),
      settingsInput(6, 'Acme'),
      poolInput(7, 'ten', 8),
      poolInput(8, 'five', 1),
      cartInput('old', ['email:a@x.io'], { changes: [change(1, 'finished')] }),
      cartInput('ordered', ['email:a@x.io', 'phone:+18085550143'], {
        changes: [change(2000, 'preparing'), change(1000, 'verification', { op: 'asserted' })],
      }),
      cartInput('retracted', ['user_id:7'], { changes: [change(1000)] }),
      cartInput('retracted', ['user_id:7'], { changes: [change(1000, '', { op: 'retracted', retracted_at: 3000 })] }),
      cartInput('open', [], { snapshot: open }),
      cartInput('empty', []),
      { ...commandInput(9), log_time: 60 * DAY_MS + 500, received_at: 60 * DAY_MS + 500 },
    ];
    const world = new World();
    for (const input of inputs.slice(0, -1)) world.fold(input);
    expect(world.flowInputs).toEqual([]);
    world.foldAt(inputs.at(-1)!, 60 * DAY_MS + 500);
    expect(world.flowInputs.map(shown)).toEqual([
      'settings Acme 6',
      'pool ten 8 7',
      'pool five 1 8',
      'profile 2',
      'retracted of 2: asserted abandoned 1000',
      'retracted of 2: retracted abandoned 1000',
      'profile 1',
      'ordered of 1: asserted verification 1000, asserted preparing 2000',
      'profile 3',
      'open of 3: ',
      'publish 9',
    ]);
    expect(new Set(world.flowInputs.map(({ log_time }) => log_time))).toEqual(new Set([60 * DAY_MS + 500]));
  });

  it('takes the settings of the publish for a workspace whose settings were never a record', () => {
    expect(written([poolInput(4, 'ten', 5), commandInput(9)])).toEqual([
      'settings of the publish 0',
      'pool ten 5 4',
      'publish 9',
    ]);
  });

  it('ignores numbers that it has taken, as a rebuild of the relay repeats them', () => {
    const changes = [settingsInput(1, 'Acme'), commandInput(2), poolInput(3, 'ten', 5), commandInput(4, 'pause')];
    const again = [...changes, ...changes, commandInput(5, 'resume'), commandInput(-1, 'cancel'), commandInput(5)];
    expect(written(again)).toEqual([
      'settings Acme 1',
      'publish 2',
      'pool ten 5 3',
      'pause 4',
      'resume 5',
      'cancel -1',
    ]);
  });

  it('has the profile, then the changes of a record in order of T with the cart', () => {
    const world = new World();
    world.fold(commandInput(1));
    world.flowInputs.length = 0;
    const snapshot = {
      ...BLANK_SNAPSHOT,
      status: 'preparing',
      amount: 12,
      due_at: null,
      statuses: [{ status: 'verification', began_at: 1, left_at: 2 }],
    };
    const cart = cartInput('c', ['phone:+18085550143'], {
      name: 'Ada',
      changes: [
        change(2000, 'preparing', { amount: 12, replaces: 1500 }),
        change(1500, 'preparing', { op: 'retracted' }),
      ],
      snapshot,
    });
    world.fold(cart);
    const [profile, changes] = world.flowInputs;
    expect(world.flowInputs).toHaveLength(2);
    expect(profile).toMatchObject({
      kind: 'profile',
      log_time: 1,
      profile: { person_id: 1, name: 'Ada', phones: [{ value: '+18085550143', consent: null }], emails: [] },
    });
    expect(changes).toMatchObject({
      kind: 'changes',
      log_time: 1,
      changes: {
        cart_id: 'c',
        person_id: 1,
        part: 0,
        parts: 1,
        changes: [
          { op: 'retracted', occurred_at: 1500 },
          { op: 'asserted', occurred_at: 2000, amount: 12 },
        ],
        cart: { status: 'preparing', had: ['verification'], amount: 12 },
        phone: '+18085550143',
        email: null,
      },
    });
    const [retracted, asserted] = changes!.changes!.changes;
    expect(asserted!.replaces).toBe(retracted!.event_id);
    // The profile is the same, and flows may still not know it.
    world.flowInputs.length = 0;
    world.fold(cartInput('c', [], { snapshot }));
    expect(world.flowInputs.map(shown)).toEqual(['profile 1', 'c of 1: ']);
  });

  it('keeps parts together', () => {
    const part = (number: number): PersonInput => {
      const input = cartInput('c', number === 0 ? ['user_id:1'] : [], { changes: [change(number + 1, 'preparing')] });
      return { ...input, cart: { ...input.cart!, part: number, parts: 2 } };
    };
    expect(written([commandInput(1), part(0), part(1)], 1)).toEqual([
      'profile 1',
      'c of 1: asserted preparing 1',
      'c of 1: asserted preparing 2',
    ]);
  });

  it('has merges once, also of people who were merged before', () => {
    const inputs = [
      commandInput(1),
      cartInput('a', ['user_id:1']),
      cartInput('b', ['user_id:2']),
      cartInput('c', ['phone:+18085550143']),
      recordInput(['user_id:1', 'phone:+18085550143']),
      recordInput(['user_id:2', 'phone:+18085550143']),
      cartInput('d', []),
      cartInput('d', ['user_id:1']),
    ];
    expect(written(inputs, 4)).toEqual([
      'profile 1',
      'merge 3 into 1',
      'profile 1',
      'merge 2 into 1',
      'profile 4',
      'd of 4: ',
      'profile 1',
      'merge 4 into 1',
      'd of 1: ',
    ]);
  });

  it('has the carts that a parting moves, all before the cart that caused it', () => {
    const inputs = [
      commandInput(1),
      ...[1, 2, 3].map((i) => cartInput(`c${i}`, ['email:shared@x.io', `phone:+1808555014${i}`])),
      rulesInput(1, { limit: 2 }),
    ];
    const world = new World();
    for (const input of inputs) world.fold(input);
    const parting = world.flowInputs.findIndex(({ kind }) => kind === 'parting');
    const carts = world.flowInputs[parting]!.parting!.carts;
    expect(carts).toHaveLength(2);
    for (const { cart_id, person_id } of carts) expect(world.personOfCart(cart_id)).toBe(person_id);
    const profiles = world.flowInputs.flatMap(({ profile }) => profile?.person_id ?? []);
    for (const { person_id } of carts) expect(profiles).toContain(person_id);
  });

  it('has erasures, and what follows is of new people', () => {
    const inputs = [
      commandInput(1),
      cartInput('a', ['user_id:1']),
      cartInput('b', ['user_id:2']),
      recordInput(['user_id:1', 'user_id:2', 'phone:+18085550143']),
      erasureInput(5000, { identifiers: ['user_id:1'] }),
      cartInput('a', ['user_id:1'], { receivedAt: 6000 }),
    ];
    const all = written(inputs, 3);
    expect(all.slice(-4)).toEqual(['erase 1/2/', 'erase //a,b', 'profile 3', 'a of 3: ']);
  });
});

/** What flows know of people: a reader of `flow-inputs` that does what their fold does. */
class Reader {
  readonly owners = new Map<string, number>();
  readonly profiles = new Map<number, FlowProfile>();
  private readonly winners = new Map<number, number>();
  read({ changes, profile, merge, parting, erasure }: FlowInput): void {
    if (profile !== null) this.profiles.set(profile.person_id, profile);
    if (merge !== null) this.winners.set(merge.loser, merge.winner);
    for (const { cart_id, person_id } of parting?.carts ?? []) {
      if (this.owners.has(cart_id)) this.owners.set(cart_id, person_id);
    }
    if (changes !== null) this.owners.set(changes.cart_id, changes.person_id);
    for (const cart of erasure?.carts ?? []) this.owners.delete(cart);
    if (erasure !== null && erasure.person_id !== null) this.profiles.delete(erasure.person_id);
  }

  personOf(cart: string): number {
    let id = this.owners.get(cart) ?? 0;
    while (this.winners.has(id)) id = this.winners.get(id)!;
    return id;
  }
}

const identifiers = fc.uniqueArray(
  fc.constantFrom(...[1, 2, 3].flatMap((i) => [`user_id:${i}`, `phone:+1808555014${i}`, `email:m${i}@x.io`])),
  { maxLength: 3 },
);
const cartNames = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const history: fc.Arbitrary<PersonInput[]> = fc.array(
  fc.oneof(
    {
      weight: 8,
      arbitrary: fc.tuple(cartNames, identifiers).map(([cart, ids]) => cartInput(cart, ids)),
    },
    { weight: 3, arbitrary: identifiers.map((ids) => recordInput(ids, { sms: 'opted_in' })) },
    { weight: 1, arbitrary: cartNames.map((cart) => erasureInput(500, { carts: [cart] })) },
    { weight: 1, arbitrary: fc.integer({ min: 1, max: 3 }).map((limit) => rulesInput(0, { limit })) },
  ),
  { maxLength: 40 },
);

/** Each change of rules has a number of its own, and each cart asserts a trait event that it has never had. */
const numbered = (input: PersonInput, i: number): PersonInput => ({
  ...input,
  cart: input.cart && { ...input.cart, changes: [change(1000 + i, 'preparing')] },
  link_rules: input.link_rules && { ...input.link_rules, number: i },
});

it('lets flows know the person of every cart, and their profile, after every record', () => {
  fc.assert(
    fc.property(history, fc.nat(), (inputs, at) => {
      const world = new World();
      const reader = new Reader();
      const publishAt = inputs.length === 0 ? 0 : at % inputs.length;
      inputs.forEach((input, i) => {
        if (i === publishAt) world.fold(commandInput(1));
        world.fold(numbered(input, i));
        for (const record of world.flowInputs.splice(0)) reader.read(record);
        if (i < publishAt) return;
        for (const cart of world.carts.keys()) {
          const person = reader.personOf(cart);
          expect([cart, person]).toEqual([cart, world.personOfCart(cart)]);
          const { identifiers: all } = world.people.get(person)!;
          const phones = all.filter(({ kind }) => kind === 'phone').map(({ value, consent }) => ({ value, consent }));
          expect(reader.profiles.get(person)?.phones).toEqual(phones);
        }
      });
    }),
    { numRuns: 300 },
  );
});
