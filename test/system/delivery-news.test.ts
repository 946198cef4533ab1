/** People as ClickHouse has them, with the news that delivery adds, are people as ClickHouse has them later. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { PersonFacts } from '../../lib/audiences/index.ts';
import { queryRows } from '../../lib/clickhouse/client.ts';
import { readPersonFacts } from '../../lib/clickhouse/person-facts.ts';
import type { Outcome } from '../../schemas/types.ts';
import { plainFor, withNews } from '../../services/delivery/news.ts';
import { cart, openWorld, person, traitEvent, type SinkWorld } from './sink-world.ts';

let world: SinkWorld;
beforeAll(async () => {
  world = await openWorld();
});
afterAll(async () => {
  await world.close();
});

const NOTHING = { trait: null, cart: null, person: null, merge: null, erasure: null, link_report: null };
const product = { product_id: 'p', count: 2, price: 1.1 };
async function read(id: number): Promise<PersonFacts | undefined> {
  const facts = await readPersonFacts((query, params) => queryRows(world.client, query, params), 'w0', [id]);
  return facts.get(id);
}

/** The fields that ClickHouse gives, in one order; it does not tell an empty list of products from none. */
function comparable(facts: PersonFacts | undefined, like: PersonFacts): object {
  const pick = (row: object, of: object | undefined): object =>
    Object.fromEntries(
      Object.keys(of ?? {})
        .filter((key) => key !== 'person_id')
        .map((key) => [key, (row as Record<string, unknown>)[key] ?? (key === 'products' ? [] : null)]),
    );
  return {
    ...facts,
    // What delivery adds news to keeps no former ids.
    formerIds: undefined,
    traitEvents: facts?.traitEvents
      .map((event) => pick(event, like.traitEvents[0]))
      .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
    carts: facts?.carts
      .map((of) => pick(of, like.carts[0]))
      .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b))),
  };
}

it('are the same from every point of the log on', async () => {
  const mine = { person_id: 1 };
  const first: Partial<Outcome>[] = [
    { trait: traitEvent(1, mine) },
    { person: person(1) },
    { cart: { ...cart('cart-1'), ...mine } },
    { trait: traitEvent(2, { ...mine, amount: 0.1, products: [product] }) },
    { person: person(9, { anonymous: true }) },
    { trait: traitEvent(9, { person_id: 9 }) },
    { cart: { ...cart('cart-9'), person_id: 9 } },
  ];
  const second: Partial<Outcome>[] = [
    { trait: traitEvent(2, { ...mine, retracted_at: 1_800_000_000_123, op: 'retracted' }) },
    { trait: traitEvent(3, { ...mine, anomaly: 'backward', mode: 'pickup', store_id: '7' }) },
    { trait: traitEvent(1, { ...mine, amount: 41.85, products: [product], recovered_at: 1_800_000_000_001 }) },
    { cart: { ...cart('cart-1'), ...mine, amount: 2.5, products: [product], due_at: 1_800_000_000_007 } },
    { cart: { ...cart('cart-2'), ...mine, status: 'pending', reservation_start_at: 1_800_000_000_009 } },
    // An anonymous person of one cart is dissolved.
    { merge: { loser: 9, winner: 1, dissolved: true } },
    { trait: traitEvent(9, { ...mine, moved_from: 9 }) },
    { cart: { ...cart('cart-9'), ...mine, moved_from: 9 } },
    { person: { ...person(1), first_at: 1_700_000_000_001, anonymous: true } },
  ];
  const news = (said: readonly Partial<Outcome>[]): Outcome[] =>
    said.map((of) => ({ ...NOTHING, ...of }) as Outcome).filter((of) => plainFor(of) === 1);
  const sink = world.start();
  await world.say(0, first);
  await world.settled(sink);
  const before = await read(1);
  await world.say(0, second);
  await world.settled(sink);
  const after = (await read(1))!;
  await sink.stop();
  const expected = comparable(after, after);
  expect(after.traitEvents).toHaveLength(3);
  expect(after.carts).toHaveLength(3);
  expect(comparable(withNews(before, 1, news(second)), after)).toEqual(expected);
  expect(comparable(withNews(after, 1, news(second)), after)).toEqual(expected);
  expect(comparable(withNews(undefined, 1, news([...first, ...second])), after)).toEqual(expected);
});
