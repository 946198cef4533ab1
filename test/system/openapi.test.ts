import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { livePid } from '../../deploy/engines/process.ts';
import { freeze } from '../harness/freeze.ts';
import { beginning, flooded, part, ROWS, webhook, webhookPath } from './openapi-rows.ts';
import { askingOf, CASES, OPERATIONS } from './openapi-table.ts';
import { openWorld, type OpenApiWorld } from './openapi-world.ts';

/**
 * Every route of both services, and every status that the contract names for it, provoked on a real installation;
 * each answer is held to the service's OpenAPI document (status, type, headers, body). And in the other direction: everything that the documents name is provoked here.
 */

let world: OpenApiWorld;
let slow: Promise<number>;
let beginnings: Promise<number[]>;
/** Routes of the API that take a body. */
const TAKING = OPERATIONS.filter(({ service, body }) => service === 'api' && body !== undefined);

beforeAll(async () => {
  world = await openWorld();
  // Begun early: its answer takes 30 seconds.
  slow = part(world, webhookPath(world), { 'content-length': '100' }, '{"cart":', { then: 'wait' });
  slow.catch(() => undefined);
  beginnings = Promise.all(
    TAKING.map(async (operation) =>
      beginning(world, await askingOf({ operation, status: 408, why: '', change: () => ({}) }, world)),
    ),
  );
  beginnings.catch(() => undefined);
});
afterAll(() => world.close());

const names = OPERATIONS.map(({ service, method, path }) => `${service} ${method} ${path}`);
const WEBHOOK = 'ingest POST /v1/webhooks/jane/{subscription}';

describe('what holds for all routes', () => {
  it.each(
    CASES.map((one) => [`${one.operation.method} ${one.operation.path} ${one.status}: ${one.why}`, one] as const),
  )('%s', async (_, one) => {
    expect(await world.ask(await askingOf(one, world))).toBe(one.status);
  });
});

describe('what holds for one', () => {
  it.each(ROWS.map(([status, place, why, ask]) => [`${place} ${status}: ${why}`, status, ask] as const))(
    '%s',
    async (_, status, ask) => {
      expect(await ask(world)).toBe(status);
    },
  );

  it('a webhook of a store that its subscription does not cover is 422', async () => {
    const key = world.shop.keys.write;
    const path = `/v1/subscriptions/${world.subscription.id}`;
    const patch = (store_ids: string[]) =>
      world.ask({ service: 'api', method: 'PATCH', path, key, body: { store_ids } });
    await patch(['7']);
    await expect.poll(() => webhook(world), { timeout: 2_000 }).toBe(422);
    await patch([]);
    await expect.poll(() => webhook(world), { timeout: 2_000 }).toBe(202);
  });

  it('a webhook whose body breaks off is 400, one whose body stands still 408', async () => {
    expect(await part(world, webhookPath(world), { 'content-length': '100' }, '{"cart":')).toBe(400);
    expect(await slow).toBe(408);
  });

  it('a body that stands still is 408 on every route of the API that takes one', async () => {
    expect(await beginnings).toEqual(TAKING.map(() => 408));
  });

  it('a webhook that finds no room is 429', async () => {
    expect(await flooded(world)).toBe(429);
  });
});

describe('while Kafka does not answer', () => {
  let kafka: number;

  beforeAll(async () => {
    const pid = livePid(join(world.installation.dataDir, 'run'), 'kafka');
    if (pid === undefined) throw new Error('Kafka does not run');
    kafka = pid;
    await freeze(kafka);
  });
  afterAll(() => process.kill(kafka, 'SIGCONT'));

  it('every route is 503: nobody knows whether a key has just been made', async () => {
    const key = `jt_read_${'x'.repeat(43)}`;
    const statuses = OPERATIONS.map(({ service, method, path }) =>
      world.ask({
        service,
        method,
        path: path.replace(/\{\w+\}/, '1'),
        key,
        ...(method === 'POST' ? { body: '' } : {}),
      }),
    );
    expect(await Promise.all(statuses)).toEqual(OPERATIONS.map(() => 503));
  });

  it('what would have to be kept is 503', async () => {
    const line = JSON.stringify({ type: 'cart_activity', occurred_at: '2026-01-01T00:00:00Z', cart: { id: 'k3' } });
    const key = world.shop.keys.ingest;
    const events = world.ask({ service: 'ingest', method: 'POST', path: '/v1/events', key, body: line });
    expect(await Promise.all([webhook(world), events])).toEqual([503, 503]);
  });
});

describe('the documents', () => {
  it('have the routes that the contract has', () => {
    const served = (['api', 'ingest'] as const).flatMap((service) =>
      world.documents[service].places.map((place) => `${service} ${place.slice(0, place.lastIndexOf(' '))}`),
    );
    expect([...new Set(served)].sort()).toEqual([...names, WEBHOOK].sort());
  });

  it('name no status that was not provoked here, but for faults of the service itself', () => {
    const named = (['api', 'ingest'] as const).flatMap((service) =>
      world.documents[service].places.map((place) => `${service} ${place}`),
    );
    const unseen = named.filter((place) => !world.seen.has(place));
    // Nothing that is sent from outside may provoke one: `npm run test:schemathesis` looks for something that does.
    expect(unseen).toEqual(named.filter((place) => place.endsWith(' 500')));
  });
});
