import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createClickHouse, queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate } from '../../lib/clickhouse/migrate.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { TOPICS } from '../../lib/topics.ts';
import type { ErasedTraitEvent, LinkReport, Outcome, TraitEvent } from '../../schemas/types.ts';
import { verify } from '../../services/sink/verify.ts';
import { makeReadable, mergeAll, partFilesWith, rowsWith, untilCleaned, untilDeleted } from '../harness/part-files.ts';
import { silentAfter } from './sink-proxy.ts';
import { cart, openWorld, person, traitEvent, waitFor, type SinkWorld } from './sink-world.ts';

/** Person 2 was merged into person 1, who is erased; person 3 remains. What an erasure must leave of them. */

const PHONE = '+18085550143';
const EMAIL = 'kay@example.com';
const USER = 'user-of-kay';
const TRACES = [PHONE, EMAIL, USER, 'Kay Erased', 'a-product-of-kay'];

let world: SinkWorld;
const others: ClickHouse[] = [];
beforeEach(async () => {
  world = await openWorld();
  await makeReadable(world.client);
});
afterEach(async () => {
  for (const client of others.splice(0)) {
    await client.command({ query: `DROP DATABASE IF EXISTS ${client.options.database} SYNC` });
    await client.close();
  }
  await world.close();
});

const products = [{ product_id: 'a-product-of-kay', count: 1, price: 2 }];
const month = (m: number): number => Date.UTC(2026, m, 15);
/** One of person 1, one of person 2, one that has been retracted, and one that has moved from 3 to 1. */
const EVENTS: TraitEvent[] = [
  traitEvent(1, { cart_id: 'cart-1', person_id: 1, occurred_at: month(1), products }),
  traitEvent(2, { cart_id: 'cart-2', person_id: 2, occurred_at: month(2), products }),
  traitEvent(3, { cart_id: 'cart-2', person_id: 2, occurred_at: month(3), retracted_at: month(4), op: 'retracted' }),
  traitEvent(4, { cart_id: 'cart-3', person_id: 1, occurred_at: month(2), products, moved_from: 3 }),
];
const identifier = (kind: 'phone' | 'email' | 'user_id', value: string) => ({ kind, value, consent: null });
const report = (fields: Partial<LinkReport> = {}): LinkReport => ({
  ...{ identifier_id: 'i1', kind: 'phone', value: PHONE, limit: 25, junk: false, reason: null, allowed: false },
  ...{ seen_with: { user_id: 1, external: 0, phone: 0, email: 20 }, removed: false },
  ...fields,
});

const BEFORE: Partial<Outcome>[] = [
  { person: person(1, { name: 'Kay Erased', identifiers: [identifier('phone', PHONE), identifier('email', EMAIL)] }) },
  { person: person(2, { identifiers: [identifier('user_id', USER)] }) },
  { person: person(3, { name: 'Remains' }) },
  { cart: cart('cart-1', { person_id: 1, products }) },
  { cart: cart('cart-2', { person_id: 2, products, status: 'finished' }) },
  { cart: cart('cart-3', { person_id: 3, products }) },
  { cart: cart('cart-3', { person_id: 1, products, moved_from: 3 }) },
  { cart: cart('cart-4', { person_id: 3 }) },
  { trait: traitEvent(4, { ...EVENTS[3], person_id: 3, moved_from: null }) },
  ...EVENTS.map((trait) => ({ trait })),
  { trait: traitEvent(5, { cart_id: 'cart-4', person_id: 3, occurred_at: month(1) }) },
  { merge: { loser: 2, winner: 1, dissolved: false } },
  { kind: 'link_report', link_report: report() },
  { kind: 'link_report', link_report: report({ identifier_id: 'i2', value: '+18085550199' }) },
];

const erasedEvent = ({ event_id, person_id, cart_id, trait, status, occurred_at }: TraitEvent): ErasedTraitEvent => ({
  ...{ event_id, person_id, cart_id, trait, status, occurred_at },
});
const erasedCarts = [
  { cart_id: 'cart-1', person_id: 1 },
  { cart_id: 'cart-2', person_id: 2 },
  { cart_id: 'cart-3', person_id: 1 },
];

/** What one erasure is in the topic: several records of one cause. */
function erasure(inputOffset: number): Partial<Outcome>[] {
  const [first, ...rest] = EVENTS.map(erasedEvent) as [ErasedTraitEvent, ...ErasedTraitEvent[]];
  const of = (said: Partial<Outcome>): Partial<Outcome> => ({ input_offset: inputOffset, ...said });
  return [
    of({
      kind: 'erasure',
      erasure: { person_id: 1, former_ids: [2], carts: erasedCarts, trait_events: [first] },
    }),
    of({ kind: 'erasure', erasure: { person_id: null, former_ids: [], carts: [], trait_events: rest } }),
    of({ kind: 'link_report', link_report: report({ kind: null, value: null, removed: true }) }),
  ];
}

/** A later delivery about a cart that was erased: a new person. */
const AFTER: Partial<Outcome>[] = [
  { person: person(9, { name: 'New' }) },
  { cart: cart('cart-1', { person_id: 9, status: 'pending' }) },
  { trait: traitEvent(1, { cart_id: 'cart-1', person_id: 9, occurred_at: month(1) }) },
];

interface Shown {
  people: number[];
  carts: [string, number][];
  traits: [string, number][];
}

/** What the views and the rows by person show. */
async function shown(client = world.client): Promise<Shown> {
  const ids = async (query: string): Promise<[string, number][]> =>
    (await queryRows<{ id: string; person: number }>(client, query)).map((row) => [row.id, row.person]);
  const traits = await ids('SELECT cart_id AS id, person_id AS person FROM v_trait_events ORDER BY id, event_id');
  const carts = await ids('SELECT cart_id AS id, person_id AS person FROM v_carts ORDER BY id');
  const people = await ids('SELECT toString(person_id) AS id, person_id AS person FROM v_people ORDER BY person');
  const resolved = 'if(merged_into = 0, by.person_id, merged_into)';
  const join = 'INNER JOIN (SELECT person_id, merged_into FROM people FINAL) AS p ON p.person_id = by.person_id';
  const byPerson = await ids(
    `SELECT by.cart_id AS id, ${resolved} AS person FROM trait_events_by_person AS by FINAL ${join}
     WHERE by.retracted_at IS NULL ORDER BY id, event_id`,
  );
  const personCarts = await ids(
    `SELECT by.cart_id AS id, ${resolved} AS person FROM person_carts AS by FINAL ${join} ORDER BY id`,
  );
  expect(byPerson).toEqual(traits);
  expect(personCarts).toEqual(carts);
  return { people: people.map(([, id]) => id), carts, traits };
}

const ALL: Shown = {
  people: [1, 3],
  carts: [
    ['cart-1', 1],
    ['cart-2', 1],
    ['cart-3', 1],
    ['cart-4', 3],
  ],
  traits: [
    ['cart-1', 1],
    ['cart-2', 1],
    ['cart-3', 1],
    ['cart-4', 3],
  ],
};
const REMAINING: Shown = { people: [3], carts: [['cart-4', 3]], traits: [['cart-4', 3]] };
const WITH_NEW: Shown = {
  people: [3, 9],
  carts: [
    ['cart-1', 9],
    ['cart-4', 3],
  ],
  traits: [
    ['cart-1', 9],
    ['cart-4', 3],
  ],
};

const report2 = [{ identifier_id: 'i2' }];
const linkReport = (): Promise<unknown[]> => world.rows('SELECT identifier_id FROM link_report FINAL ORDER BY 1');
const verified = (client = world.client) =>
  verify({ kafka: world.kafka, client, clock: systemClock, codecs: world.codecs, workspace: null });

it('leaves no row, in no version and in no part file; a later record is not affected', async () => {
  const sink = world.start();
  await world.say(0, BEFORE);
  await world.settled(sink);
  expect(await shown()).toEqual(ALL);
  const traces = await rowsWith(world.client, TRACES);
  expect(traces).toEqual(
    expect.arrayContaining([`people: ${PHONE}`, `carts: a-product-of-kay`, `link_report: ${PHONE}`]),
  );
  expect((await partFilesWith(world.client, TRACES)).length).toBeGreaterThan(5);

  await world.say(0, erasure(1_000));
  await world.settled(sink);
  expect(await shown()).toEqual(REMAINING);
  expect(await linkReport()).toEqual(report2);
  expect((await verified()).tables.filter(({ missing, unexplained }) => missing + unexplained > 0)).toEqual([]);

  await world.say(
    0,
    AFTER.map((said) => ({ input_offset: 2_000, ...said })),
  );
  await world.settled(sink);
  expect(await shown()).toEqual(WITH_NEW);
  expect(await verified()).toMatchObject({ ok: true });
  await untilDeleted(world.client);
  expect(await rowsWith(world.client, TRACES)).toEqual([]);
  await mergeAll(world.client);
  await untilCleaned(world.client);
  expect(await partFilesWith(world.client, TRACES, 'all')).toEqual([]);
  expect(await shown()).toEqual(WITH_NEW);
  expect(await verified()).toMatchObject({ ok: true });
});

it('is exact when old blocks are inserted again after it, and when an empty database is filled from the topic', async () => {
  const sink = world.start();
  await world.say(0, BEFORE);
  await world.say(0, erasure(1_000));
  await world.say(
    0,
    AFTER.map((said) => ({ input_offset: 2_000, ...said })),
  );
  await world.settled(sink);
  await sink.stop();
  expect(await shown()).toEqual(WITH_NEW);

  // All of it again, in blocks that are cut elsewhere.
  await world.client.command({ query: 'TRUNCATE TABLE sink_ledger' });
  const again = world.start({ settings: { blockRecordsMax: 3, blockIntervalMs: 0 } });
  await world.settled(again);
  await again.stop();
  expect(await shown()).toEqual(WITH_NEW);

  const fresh = createClickHouse({ url: world.clickhouseUrl, database: `${world.client.options.database}_fresh` });
  others.push(fresh);
  await migrate(fresh);
  await makeReadable(fresh);
  const filling = world.start({ client: fresh });
  await world.settled(filling);
  expect(await shown(fresh)).toEqual(WITH_NEW);
  expect(await verified(fresh)).toMatchObject({ ok: true });
  await mergeAll(fresh);
  expect(await partFilesWith(fresh, TRACES)).toEqual([]);
});

it.each(['people', 'trait_events', 'carts', 'sink_ledger'])(
  'holds when the sink is killed in the block of an erasure, after the insert into %s',
  async (table) => {
    const first = world.start();
    await world.say(0, BEFORE);
    await world.settled(first);
    await first.stop();
    await world.say(0, erasure(1_000));
    const proxy = await silentAfter(table, world.clickhouseUrl);
    const child = await world.spawn(proxy.url);
    await proxy.reached;
    child.kill('SIGKILL');
    const sink = world.start();
    await world.settled(sink);
    expect(await shown()).toEqual(REMAINING);
    expect(await verified()).toMatchObject({ ok: true });
    await mergeAll(world.client);
    expect(await partFilesWith(world.client, TRACES)).toEqual([]);
    await proxy.close();
  },
);

it('is not in the ledger before ClickHouse has accepted the deletions', async () => {
  const end = async (): Promise<number> => (await world.kafka.endOffsets(TOPICS.traitEvents))[0] ?? 0;
  const first = world.start();
  await world.say(0, BEFORE);
  await world.settled(first);
  await first.stop();
  const before = await end();
  await world.say(0, erasure(1_000));
  await world.client.command({ query: 'ALTER TABLE people MODIFY SETTING number_of_mutations_to_throw = 1' });
  await world.client.command({ query: 'SYSTEM STOP MERGES people' });
  await world.client.command({
    query: 'ALTER TABLE people DELETE WHERE person_id = 4000000000',
    clickhouse_settings: { mutations_sync: '0' },
  });
  const sink = world.start();
  await waitFor('the sink to be refused', () => !sink.ready() && sink.positions().length > 0);
  // The tables of a block are written side by side.
  const isWritten = (): Promise<boolean> =>
    shown().then(
      (all) => isDeepStrictEqual(all, REMAINING),
      () => false,
    );
  await waitFor('the rows', isWritten);
  const position = sink.positions().find(({ topic, partition }) => topic === TOPICS.traitEvents && partition === 0);
  expect(position?.position).toBe(before);
  await world.client.command({ query: 'SYSTEM START MERGES people' });
  await world.settled(sink);
  expect(await shown()).toEqual(REMAINING);
});
