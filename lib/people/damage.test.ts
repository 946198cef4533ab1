import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Person } from '../../schemas/types.ts';
import { ByteWriter, DamagedStateError } from '../bytes/index.ts';
import { noRows } from './entries.ts';
import * as bytes from './entry-bytes.ts';
import { foldPersonInput } from './fold.ts';
import { allRows } from './rows.ts';
import { cartInput, change, erasureInput, recordInput, rulesInput, World } from './testing.ts';
import { TimeIndex } from './times.ts';

/** Entries as the program wrote them before lengths were stored everywhere, with what a reader of its outcomes knew. */
interface Stored {
  limit: number;
  shownOfKind: number;
  inputs: number;
  people: Person[];
  carts: [string, number][];
  aliases: [number, number][];
  /** Key and hex. */
  entries: [string, string][];
}

const STORED = JSON.parse(readFileSync(new URL('./testing-format-1.json', import.meta.url), 'utf8')) as Stored;

function restored(): World {
  const world = new World({ limit: STORED.limit }, STORED.shownOfKind);
  for (const [key, value] of STORED.entries) world.store.put(key, Buffer.from(value, 'hex'));
  for (const person of STORED.people) world.people.set(person.person_id, person);
  for (const [cart, person] of STORED.carts) world.carts.set(cart, person);
  for (const [loser, winner] of STORED.aliases) world.aliases.set(loser, winner);
  return world;
}

const products = [
  { product_id: 'p', count: 1, price: null },
  { product_id: 'q', count: 0.5, price: 2.5 },
];

/** The same kinds of entries by this program. */
function written(): World {
  const world = new World({ limit: 2 }, 2);
  for (let i = 0; i < 70; i++) world.fold(cartInput('long', [`external: ${i}`], { at: 10 + i }));
  for (let i = 0; i < 120; i++) {
    const changes = [
      change(1000 + i, ['verification', 'preparing', ''][i % 3], { store_id: '68', mode: 'pickup', products }),
    ];
    world.fold(cartInput('rows', ['user_id:1'], { at: i, name: 'R', changes }));
  }
  for (let i = 0; i < 4; i++) world.fold(cartInput(`k${i}`, ['phone:+1', `email:e${i}@x.io`], { at: 100 + i }));
  for (let i = 0; i < 3; i++) world.fold(cartInput(`j${i}`, ['phone:+1'], { at: 200 + i }));
  world.fold(recordInput(['email:r@x.io', 'email:s@x.io', 'email:t@x.io'], { at: 300, email: 'opted_out' }));
  world.fold(cartInput('a1', ['user_id:7'], { at: 401 }));
  world.fold(cartInput('a2', ['email:z@x.io'], { at: 402 }));
  world.fold(cartInput('a1', ['email:z@x.io'], { at: 403 }));
  return world;
}

/** Reads an entry by its key to its last byte. */
function readEntry(world: World, key: string, value: Buffer): void {
  const kind = key[0];
  const [, , name = ''] = key.split('/');
  const chunkOf = (letter: string, carrier: string) => (chunk: number) => {
    const found = world.store.get(`${letter}/w/${chunk}/${carrier}`);
    if (found === undefined) throw new DamagedStateError('a carrier', 0, `chunk ${chunk}`);
    return found;
  };
  if (kind === 'w') bytes.decodeWorkspace(value);
  if (kind === 'i') bytes.decodeIdentifier(name, value);
  if (kind === 'p') bytes.decodePerson(Number(name), value);
  if (kind === 'l') bytes.decodeCarriedChunk(value);
  const node = { get: () => value, put: () => undefined, delete: () => undefined };
  if (kind === 'm') new TimeIndex(node, new ByteWriter()).first();
  if (kind === 's') {
    const carrier = bytes.decodeCarrier(name, value, chunkOf('l', name));
    allRows(carrier.rows, { get: chunkOf('t', name), put: () => undefined });
  }
  if (kind === 't') allRows({ ...noRows(), chunks: 1 }, { get: () => value, put: () => undefined });
}

const KINDS = ['w', 'i', 'p', 'l', 'm', 's', 't'];

describe.each(KINDS)('entries of the kind %s', (kind) => {
  const world = written();
  const all = [...world.store.entries].filter(([key]) => key.startsWith(kind));

  it('are there', () => {
    expect(all.length).toBeGreaterThan(0);
    for (const [key, value] of all) readEntry(world, key, value);
  });

  it('are refused when they are cut, at every length, and with trailing bytes', () => {
    for (const [key, value] of all) {
      for (let size = 0; size < value.length; size++) {
        expect(() => readEntry(world, key, value.subarray(0, size)), `${key}, ${size} bytes`).toThrow(
          DamagedStateError,
        );
      }
      expect(() => readEntry(world, key, Buffer.concat([value, Buffer.alloc(1)]))).toThrow(DamagedStateError);
    }
  });

  it('are read or refused by name, whichever bit is wrong', () => {
    for (const [key, value] of all) {
      for (let bit = 0; bit < 8 * value.length; bit++) {
        const damaged = Buffer.from(value);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        try {
          readEntry(world, key, damaged);
        } catch (error) {
          if (!(error instanceof DamagedStateError)) throw error;
        }
      }
    }
  });
});

describe('a refusal of the fold', () => {
  it('says whose entry it is, but no identifier', () => {
    const cut = (key: string): World => {
      const world = written();
      const value = world.store.get(key)!;
      world.store.put(key, value.subarray(0, value.length - 1));
      return world;
    };
    const input = cartInput('rows', ['user_id:1', 'phone:+1'], { at: 500, changes: [change(2000)] });
    expect(() => cut('s/w/crows').fold(input)).toThrow('the state of carrier crows in workspace w is damaged at byte');
    expect(() => cut('p/w/2').fold(input)).toThrow('the state of person 2 in workspace w is damaged at byte');
    expect(() => cut('w/w').fold(cartInput('new', []))).toThrow('the state of the header in workspace w is damaged');
    const message = 'the state of an identifier (phone) in workspace w is damaged at byte';
    expect(() => cut('i/w/2+1').fold(input)).toThrow(message);
  });
});

describe('entries of the first formats', () => {
  it('are read', () => {
    const world = restored();
    const formats = new Set(STORED.entries.map(([key, value]) => `${key[0]}${value.slice(0, 2)}`));
    expect([...formats].sort()).toEqual(['i01', 'l01', 'm01', 'p01', 's01', 's02', 't01', 'w01', 'x01']);
    for (const [key, value] of STORED.entries) if (key[0] !== 'x') readEntry(world, key, Buffer.from(value, 'hex'));
  });

  it('lead to the same people as if this program had written them', () => {
    const world = restored();
    const before = new Map(world.carts);
    // Each of them touches entries of another kind.
    world.fold(cartInput('long', ['external: 3'], { at: 500 }));
    world.fold(
      cartInput('rows', ['email:r@x.io'], {
        at: 500,
        changes: [change(1003, 'verification', { op: 'retracted', retracted_at: 9 })],
      }),
    );
    world.fold(cartInput('j0', ['email:new@x.io'], { at: 500 }));
    world.fold(recordInput(['email:r@x.io', 'email:u@x.io'], { at: 500, email: 'opted_in' }));
    expect(world.personOfCart('rows')).toBe(before.get('rows'));
    const { identifiers, more_identifiers: more } = world.people.get(world.personOfCart('rows'))!;
    expect(identifiers.filter(({ kind }) => kind === 'email')).toHaveLength(2);
    expect(more.reduce((sum, { count }) => sum + count, 0)).toBe(2);
    const row = world.outcomes.find(({ trait }) => trait !== null)!.trait!;
    expect(row).toMatchObject({ op: 'retracted', occurred_at: 1003, person_id: before.get('rows') });
    expect(world.people.get(world.personOfCart('j1'))).toMatchObject({ anonymous: true, first_at: 201, last_at: 202 });
  });

  it('can be erased', () => {
    const world = restored();
    const input = erasureInput(9_999, { identifiers: ['email:r@x.io'], carts: ['rows', 'j1'] });
    const outcomes = foldPersonInput(world.store, input, { logTimeMs: 9_999, offset: 9_999 });
    expect(outcomes.flatMap(({ erasure }) => erasure?.carts ?? []).map((cart) => cart.cart_id)).toEqual(['j1', 'rows']);
    for (const [key, value] of world.store.entries) {
      expect(`${key} ${value.toString('latin1')}`).not.toContain('r@x.io');
    }
    // The list of all identifiers is whole: a change of the rules reads it.
    world.fold(rulesInput(1, { limit: 2 }));
  });
});
