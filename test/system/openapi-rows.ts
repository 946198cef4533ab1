/** What the contract says of single routes, beyond what holds for all: a request for each status. */
import { setMaxListeners } from 'node:events';
import { signWebhook, waitUntil, type Subscription } from '../harness/client.ts';
import { BULK_BODIES, FLOW, type Asking, type OpenApiWorld } from './openapi-world.ts';
import { insertSteps } from './flow-rows.ts';
import { sendPart } from './raw-http.ts';

/** Status, place in the documents, what is special, and how it is asked. */
export type Row = [status: number, place: string, why: string, ask: (world: OpenApiWorld) => Promise<number>];

const WEBHOOK = 'POST /v1/webhooks/jane/{subscription}';
const CART = JSON.stringify({ cart: { id: 'k2', status: 'pending', store_id: 68 } });

interface Forgery {
  body?: string;
  headers?: Record<string, string>;
  /** The request timestamp, minutes before the request. */
  minutesOld?: number;
  subscription?: Partial<Subscription>;
}

export function webhook(
  world: OpenApiWorld,
  { body = CART, headers, minutesOld = 0, subscription }: Forgery = {},
): Promise<number> {
  const to = { ...world.subscription, ...subscription };
  const path = `/v1/webhooks/jane/${to.id}`;
  const at = new Date(Date.now() - minutesOld * 60_000);
  const signed = { ...signWebhook(to, body, at), ...headers };
  return world.ask({ service: 'ingest', method: 'POST', path, body, headers: signed });
}

/** Sends only a part of a body to ingest, with valid credentials. */
export async function part(
  world: OpenApiWorld,
  path: string,
  head: Record<string, string>,
  body: string | Buffer,
  how?: Parameters<typeof sendPart>[3],
): Promise<number> {
  const answer = await sendPart(`${world.installation.ingestUrl}${path}`, head, body, how);
  return world.hold({ service: 'ingest', method: 'POST', path }, answer);
}

/** Sends the beginning of a body to the API, and no more. */
export async function beginning(world: OpenApiWorld, asking: Asking): Promise<number> {
  const { method, path, key = '', workspace } = asking;
  const head = {
    authorization: `Bearer ${key}`,
    'content-length': '100',
    ...(workspace === undefined ? {} : { 'x-workspace': workspace }),
  };
  const answer = await sendPart(`${world.installation.apiUrl}${path}`, head, '{', { method, then: 'wait' });
  return world.hold(asking, answer);
}

export const webhookPath = ({ subscription }: OpenApiWorld): string => `/v1/webhooks/jane/${subscription.id}`;

const WEBHOOKS: Row[] = (
  [
    [202, 'signed', {}],
    [401, 'unknown subscription', { subscription: { id: `sub_${'0'.repeat(32)}` } }],
    [401, 'wrong token', { subscription: { bearer_token: 'wrong' } }],
    [401, 'wrong signature', { subscription: { signing_secret: 'wrong' } }],
    [401, 'a timestamp too old', { minutesOld: 6 }],
    [401, 'a timestamp too far ahead', { minutesOld: -6 }],
    [413, 'over 256 KiB', { body: ' '.repeat(256 * 1024 + 1) }],
    [415, 'a content encoding', { headers: { 'content-encoding': 'gzip' } }],
    [415, 'another content type', { headers: { 'content-type': 'text/plain' } }],
    [431, 'a head over 16 KiB', { headers: { 'x-large': 'x'.repeat(16 * 1024) } }],
    [422, 'not JSON', { body: '{"cart":' }],
    [422, 'no cart id', { body: '{"cart":{"status":"pending"}}' }],
    [422, 'no status', { body: '{"cart":{"id":1}}' }],
  ] satisfies [number, string, Forgery][]
).map(([status, why, forgery]) => [status, WEBHOOK, why, (world) => webhook(world, forgery)]);

const bulk = (path: string, asking: Partial<Asking>) => (world: OpenApiWorld) =>
  world.ask({ service: 'ingest', method: 'POST', path, key: world.shop.keys.ingest, ...asking });

const BULK: Row[] = ['/v1/events', '/v1/people'].flatMap((path): Row[] => [
  [200, `POST ${path}`, 'a bad line', bulk(path, { body: '{}\n' })],
  [400, `POST ${path}`, 'a body that breaks off', bulk(path, { body: '{}', headers: { 'content-encoding': 'gzip' } })],
  [413, `POST ${path}`, 'over 1 GiB', (world) => part(world, path, { ...keyOf(world), 'content-length': GIB }, '')],
  [415, `POST ${path}`, 'another encoding than gzip', bulk(path, { body: '', headers: { 'content-encoding': 'br' } })],
  [422, `POST ${path}`, '10,000 rejected lines', bulk(path, { body: '{}\n'.repeat(10_001) })],
  [429, `POST ${path}`, 'too many at once', (world) => crowded(world, path)],
]);

const GIB = String(1024 ** 3 + 1);
const keyOf = ({ shop }: OpenApiWorld): Record<string, string> => ({ authorization: `Bearer ${shop.keys.ingest}` });

/** As many bodies as are accepted at a time stall; one more is answered 429. */
async function crowded(world: OpenApiWorld, path: string): Promise<number> {
  const over = new AbortController();
  const head = { ...keyOf(world), 'content-length': '100' };
  const standing = Array.from({ length: BULK_BODIES }, () =>
    part(world, path, head, '{', { then: 'wait', signal: over.signal }).catch(() => 0),
  );
  try {
    for (let attempt = 0; attempt < 100; attempt++) {
      const status = await bulk(path, { body: '' })(world);
      if (status === 429) return status;
    }
    return 200;
  } finally {
    over.abort();
    await Promise.all(standing);
    await waitUntil('there is room again', async () => (await bulk(path, { body: '' })(world)) === 200);
  }
}

const asAdmin =
  (method: string, path: (world: OpenApiWorld) => Promise<string> | string, asking: Partial<Asking> = {}) =>
  async (world: OpenApiWorld): Promise<number> =>
    world.ask({
      service: 'api',
      method,
      path: await path(world),
      key: world.installation.adminKey,
      workspace: world.shop.id,
      ...asking,
    });

const OLD_VERSION = { headers: { 'if-match': '"0"' } };
const newSubscription = async (world: OpenApiWorld): Promise<string> =>
  `/v1/subscriptions/${await world.newSubscription()}`;

const A_DAY = '?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z';
const AUDIENCE = { name: 'Audience', audience: { everyone: true } };
const newFlow = async (world: OpenApiWorld): Promise<string> => `/v1/flows/${await world.newFlow()}`;
const newAudience = async (world: OpenApiWorld): Promise<string> => `/v1/audiences/${await world.newAudience()}`;

/** A run that has ended already. */
async function cancelledLate(world: OpenApiWorld): Promise<number> {
  const run = 'e'.repeat(32);
  const of = { workspace: world.shop.id, flow_id: await world.newFlow(), run_id: run, at: Date.now() };
  await insertSteps(world.installation, [
    { ...of, what: 'started' },
    { ...of, what: 'completed' },
  ]);
  return asAdmin('POST', () => `/v1/runs/${run}/cancel`)(world);
}

/** One code pool more than a workspace can have. */
async function tooManyPools(world: OpenApiWorld): Promise<number> {
  let status = 0;
  for (let i = 0; i <= 100; i++) {
    const body = { name: `pool ${i}`, codes: ['A'] };
    status = await asAdmin('POST', () => '/v1/code-pools', { workspace: world.other.id, body })(world);
  }
  return status;
}

/** One live audience more than a workspace can have. */
async function tooManyLive(world: OpenApiWorld): Promise<number> {
  const body = { ...AUDIENCE, live: true };
  const ask = asAdmin('POST', () => '/v1/audiences', { workspace: world.other.id, body });
  const statuses = await Promise.all(Array.from({ length: 201 }, () => ask(world)));
  return Math.max(...statuses);
}

/** Of two concurrent deletions of a key, one is answered with a conflict; repeated until they were concurrent. */
async function takenBackTwice(world: OpenApiWorld): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const path = `/v1/keys/${await world.newKey()}`;
    const statuses = await Promise.all([1, 2, 3].map(() => asAdmin('DELETE', () => path)(world)));
    if (statuses.includes(409)) return 409;
  }
  return 204;
}

const API: Row[] = [
  [
    409,
    'POST /v1/workspaces',
    'a taken id',
    (world) => {
      const body = { id: world.shop.id, name: 'Taken', time_zone: 'UTC' };
      return asAdmin('POST', () => '/v1/workspaces', { body })(world);
    },
  ],
  [
    409,
    'PATCH /v1/workspaces/{id}',
    'If-Match',
    asAdmin('PATCH', ({ shop }) => `/v1/workspaces/${shop.id}`, { ...OLD_VERSION, body: { name: 'New' } }),
  ],
  [
    409,
    'PUT /v1/link-rules',
    'If-Match',
    asAdmin('PUT', () => '/v1/link-rules', { headers: { 'if-match': '"1000"' }, body: { limit: 30 } }),
  ],
  [409, 'DELETE /v1/keys/{id}', 'two at once', takenBackTwice],
  [409, 'POST /v1/audiences', 'too many live ones', tooManyLive],
  [409, 'PUT /v1/audiences/{id}', 'If-Match', asAdmin('PUT', newAudience, { ...OLD_VERSION, body: AUDIENCE })],
  [428, 'PUT /v1/audiences/{id}', 'no If-Match', asAdmin('PUT', newAudience, { body: AUDIENCE })],
  [409, 'DELETE /v1/audiences/{id}', 'If-Match', asAdmin('DELETE', newAudience, OLD_VERSION)],
  [
    409,
    'GET /v1/audiences/{id}/changes',
    'not live',
    asAdmin('GET', async (world) => `${await newAudience(world)}/changes`),
  ],
  [
    409,
    'GET /v1/audiences/{id}/changes/summary',
    'not live',
    asAdmin('GET', async (world) => `${await newAudience(world)}/changes/summary${A_DAY}`),
  ],
  [
    409,
    'PATCH /v1/subscriptions/{id}',
    'If-Match',
    asAdmin('PATCH', newSubscription, { ...OLD_VERSION, body: { verify: 'token' } }),
  ],
  [409, 'DELETE /v1/subscriptions/{id}', 'If-Match', asAdmin('DELETE', newSubscription, OLD_VERSION)],
  [
    409,
    'POST /v1/subscriptions/{id}/rotate',
    'If-Match',
    asAdmin('POST', async (world) => `${await newSubscription(world)}/rotate`, OLD_VERSION),
  ],
  [409, 'PUT /v1/flows/{id}', 'If-Match', asAdmin('PUT', newFlow, { ...OLD_VERSION, body: FLOW })],
  [428, 'PUT /v1/flows/{id}', 'no If-Match', asAdmin('PUT', newFlow, { body: FLOW })],
  [409, 'DELETE /v1/flows/{id}', 'If-Match', asAdmin('DELETE', newFlow, OLD_VERSION)],
  ...(['publish', 'pause', 'resume'] as const).map((command): Row => [
    409,
    `POST /v1/flows/{id}/${command}`,
    'If-Match',
    asAdmin('POST', async (world) => `${await newFlow(world)}/${command}`, OLD_VERSION),
  ]),
  [
    404,
    'POST /v1/flows/validate',
    'no such flow',
    asAdmin('POST', () => '/v1/flows/validate', { body: { id: 'nothing-of-that-id' } }),
  ],
  [
    404,
    'POST /v1/flows/backtest',
    'no such flow',
    asAdmin('POST', () => '/v1/flows/backtest', {
      body: { id: 'nothing-of-that-id', from: '2026-01-01T00:00:00Z', to: '2026-01-02T00:00:00Z' },
    }),
  ],
  [
    404,
    'POST /v1/flows/test',
    'no such person',
    asAdmin('POST', () => '/v1/flows/test', {
      body: { flow: { ...FLOW, nodes: { end: { type: 'sms', text: 'x' } } }, node: 'end', person_id: '4000000' },
    }),
  ],
  [409, 'POST /v1/runs/{id}/cancel', 'has ended', cancelledLate],
  [409, 'POST /v1/code-pools', 'too many pools', tooManyPools],
  [
    409,
    'PUT /v1/channels/{channel}',
    'If-Match',
    asAdmin('PUT', () => '/v1/channels/sms', { headers: { 'if-match': '"1000"' }, body: { provider: 'test' } }),
  ],
  [
    501,
    'PUT /v1/channels/{channel}',
    'a provider that is not built yet',
    asAdmin('PUT', () => '/v1/channels/sms', { body: { provider: 'twilio', account_sid: 'x' } }),
  ],
  [
    422,
    'POST /v1/dead-letters/{id}/replay',
    'as at first',
    asAdmin('POST', ({ letters }) => `/v1/dead-letters/${letters[0] ?? ''}/replay`),
  ],
];

export const ROWS: Row[] = [...WEBHOOKS, ...BULK, ...API];

/** Bytes that fill the memory that ingest has for webhooks in flight: one more does not fit. */
export async function flooded(world: OpenApiWorld): Promise<number> {
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  const body = Buffer.alloc(250 * 1024, 0x20);
  const head = { 'content-length': String(body.length + 1) };
  const path = webhookPath(world);
  const standing = Array.from({ length: 300 }, () =>
    part(world, path, head, body, { then: 'wait', signal: over.signal }).catch(() => 0),
  );
  const first = await Promise.race(standing);
  over.abort();
  await Promise.all(standing);
  return first;
}
