import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../bytes/index.ts';
import { randomFrom } from '../carts/testing/random.ts';
import type { Person } from '../../schemas/types.ts';
import { noMore, moreIndexOf } from './entries.ts';
import { KINDS } from './keys.ts';
import { sortPeople, whoIsWho, type Seen } from './oracle.ts';
import { cartInput, recordInput, World } from './testing.ts';
import { TimeIndex } from './times.ts';

/** No record may be larger than Kafka accepts (4 MiB), for any input; these are far below. */
const RECORD_BYTES = 512 * 1024;

function countsOf(person: Person): number[] {
  const counts = noMore();
  const add = (kind: (typeof KINDS)[number], consent: Person['identifiers'][number]['consent'], by: number): void => {
    const place = moreIndexOf(KINDS.indexOf(kind), consent);
    counts[place] = counts[place]! + by;
  };
  for (const { kind, consent } of person.identifiers) add(kind, consent, 1);
  for (const { kind, consent, count } of person.more_identifiers) add(kind, consent, count);
  return counts;
}

describe('a profile that shows one identifier of each kind', () => {
  const identifier = fc
    .tuple(fc.constantFrom(...KINDS), fc.integer({ min: 0, max: 7 }))
    .map(([kind, value]) => `${kind}:${value}`);
  const step = fc.record({
    cart: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 2 }),
    identifiers: fc.uniqueArray(identifier, { minLength: 1, maxLength: 3 }),
    sms: fc.constantFrom(null, 'opted_in' as const, 'opted_out' as const),
    email: fc.constantFrom(null, 'opted_in' as const, 'opted_out' as const),
  });

  it('has the same people, links and consents as one that shows all', () => {
    const history = fc.record({
      limit: fc.integer({ min: 0, max: 6 }),
      steps: fc.array(step, { minLength: 1, maxLength: 40 }),
    });
    fc.assert(
      fc.property(history, ({ limit, steps }) => {
        const whole = new World({ limit });
        const brief = new World({ limit }, 1);
        const seen: Seen[] = [];
        steps.forEach(({ cart, identifiers, sms, email }, at) => {
          const input =
            cart === null
              ? recordInput(identifiers, { at, sms, email } as never)
              : cartInput(`c${cart}`, identifiers, { at });
          const known = cart === null ? undefined : seen.find((one) => one.cart === `c${cart}`);
          if (known === undefined) {
            seen.push({ cart: cart === null ? null : `c${cart}`, identifiers: new Set(identifiers) });
          } else for (const one of identifiers) (known.identifiers as Set<string>).add(one);
          whole.fold(input);
          brief.fold(input);
          expect(brief.carts).toEqual(whole.carts);
          expect(brief.aliases).toEqual(whole.aliases);
          expect(brief.owners()).toEqual(whole.owners());
          for (const [id, person] of whole.people) {
            const shown = brief.people.get(id)!;
            expect(countsOf(shown)).toEqual(countsOf(person));
            expect(person.more_identifiers).toEqual([]);
            for (const kind of KINDS) {
              const all = person.identifiers.filter((one) => one.kind === kind);
              const few = shown.identifiers.filter((one) => one.kind === kind);
              expect(few.length).toBe(Math.min(1, all.length));
              expect(all).toEqual(expect.arrayContaining(few));
            }
          }
        });
        expect(sortPeople(whole.partition())).toEqual(whoIsWho(seen, limit));
      }),
      { numRuns: 1500 },
    );
  });
});

/** As long as ingest takes them: 200 characters of four bytes each. */
const long = (text: string): string => text + '𝒳'.repeat(200 - text.length);
const longEmail = (text: string): string => `${text}${'é'.repeat(240 - text.length)}@x.io`;

describe('what tenants can send', () => {
  it('makes no large record of thousands of lines that are chained to one person', () => {
    const world = new World();
    let largest = 0;
    const lines = 6000;
    for (let i = 0; i < lines; i++) {
      // Each line shares one identifier with the next, so none is seen with many.
      const identifiers = [
        `user_id:${long(String(Math.floor(i / 2)))}`,
        `email:${longEmail(String(Math.floor((i + 1) / 2)))}`,
        `external:${long(String(i))} ${long(String(i))}`,
      ];
      for (const outcome of world.fold(
        recordInput(identifiers, { at: i, email: i < 100 ? 'opted_out' : 'opted_in' }),
      )) {
        if (i % 1000 > 990) largest = Math.max(largest, JSON.stringify(outcome).length);
      }
      world.outcomes.length = 0;
    }
    const owners = world.owners();
    expect(owners.size).toBe(lines + lines / 2 + lines / 2 + 1);
    expect(new Set(owners.values())).toEqual(new Set([1]));
    const person = world.people.get(1)!;
    expect(person.identifiers).toHaveLength(150);
    expect(person.identifiers.filter(({ consent }) => consent === 'opted_in')).toEqual([]);
    expect(person.more_identifiers).toContainEqual({ kind: 'email', consent: 'opted_in', count: 2951 });
    expect(largest).toBeLessThan(RECORD_BYTES);
    for (const [key, value] of world.store.entries) expect(key.length + value.length).toBeLessThan(RECORD_BYTES);
  });

  it('makes no large record of a cart with hundreds of long identifiers, and forgets none of them', () => {
    const world = new World({ limit: 100 });
    const all: string[] = [];
    for (let i = 0; i < 500; i++) {
      const name = `external:${long(String(i))} ${long(String(i))}`;
      all.push(name);
      world.fold(cartInput('c', [name], { at: i }));
      world.outcomes.length = 0;
    }
    for (const [key, value] of world.store.entries) expect(key.length + value.length).toBeLessThan(RECORD_BYTES);
    expect([...world.owners().keys()].sort()).toEqual(all.sort());
    // The oldest of them still links.
    world.fold(recordInput(['external:another']));
    world.fold(cartInput('d', [all[0]!]));
    expect(world.personOfCart('d')).toBe(world.personOfCart('c'));
    const writes: string[] = [];
    const put = world.store.put.bind(world.store);
    world.store.put = (key, value) => (writes.push(key), put(key, value));
    world.fold(cartInput('c', [all[0]!], { at: 3000 }));
    expect(writes).toHaveLength(2);
  });
});

describe('a kiosk whose carts all carry the phone of the store', () => {
  it('costs each cart that leaves it no more reads and writes, however many there are', () => {
    const world = new World({ limit: 2 });
    for (const i of [0, 1, 2]) world.fold(cartInput(`e${i}`, ['phone:+1', `email:e${i}@x.io`], { at: i }));
    const times: number[] = [];
    for (let i = 0; i < 3000; i++) {
      world.fold(cartInput(`c${i}`, ['phone:+1'], { at: 1000 + i * 7919 }));
      times.push(1000 + i * 7919);
    }
    const kiosk = world.personOfCart('c0');
    let touched = 0;
    const { get, put } = world.store;
    world.store.get = (key) => (touched++, get.call(world.store, key));
    world.store.put = (key, value) => (touched++, put.call(world.store, key, value));
    for (let i = 2999; i >= 2700; i--) {
      touched = 0;
      world.fold(cartInput(`c${i}`, ['phone:+1', `email:${i}@x.io`], { at: times[i]! }));
      expect(touched).toBeLessThan(80);
      times.pop();
      expect(world.people.get(kiosk)).toMatchObject({ anonymous: true, first_at: times[0], last_at: times.at(-1) });
    }
  });
});

describe('an index of times', () => {
  it('knows the first and the last of what is counted, and leaves nothing of what is gone', () => {
    const nodes = new Map<string, Buffer>();
    const store = {
      get: (path: string) => nodes.get(path),
      put: (path: string, value: Buffer) => void nodes.set(path, value),
      delete: (path: string) => void nodes.delete(path),
    };
    const random = randomFrom(3);
    const times: number[] = [];
    const spread = [5, 3000, 10 ** 9, 2 * 10 ** 12];
    for (let i = 0; i < 2000; i++) {
      const index = new TimeIndex(store, new ByteWriter());
      if (times.length > 0 && random.chance(i < 1000 ? 0.3 : 0.7)) {
        index.count(times.splice(random.below(times.length), 1)[0]!, -1);
      } else {
        times.push(random.below(random.pick(spread)));
        index.count(times.at(-1)!, 1);
      }
      index.flush();
      const known = new TimeIndex(store, new ByteWriter());
      const ends = times.length === 0 ? [undefined, undefined] : [Math.min(...times), Math.max(...times)];
      expect([known.first(), known.last()]).toEqual(ends);
    }
    const index = new TimeIndex(store, new ByteWriter());
    for (const time of times) index.count(time, -1);
    index.flush();
    expect(nodes.size).toBe(0);
  });
});
