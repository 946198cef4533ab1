/**
 * Every route that the contract names, with what it asks for, and from that every status that the contract names for
 * it: its section "General" says most of them for all routes alike.
 */
import { FLOW, type Asking, type OpenApiWorld, type Service } from './openapi-world.ts';

type Role = 'ingest' | 'read' | 'write' | 'admin';

export interface Operation {
  service: Service;
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  path: string;
  /** The smallest role that may. */
  role: Role;
  /** Of a good request. */
  status: number;
  /** Acts in no workspace: an admin key need not name one. */
  everywhere?: true;
  /** Takes any object as its body. */
  open?: true;
  /** What the path names is there in every workspace. */
  common?: true;
  /** Of something that is there. */
  id?: (world: OpenApiWorld) => string | Promise<string>;
  body?: { good: (world: OpenApiWorld) => unknown; wrong: unknown; maxBytes?: number };
  query?: { good: string; wrong: string };
  /** Of every request. */
  headers?: Record<string, string>;
}

const api = (
  method: Operation['method'],
  path: string,
  role: Role,
  status: number,
  more: Partial<Operation> = {},
): Operation => ({ service: 'api', method, path, role, status, ...more });

const MIB = 1024 * 1024;
const list = { query: { good: '?limit=1', wrong: '?limit=1001' } };
const json = (good: unknown, wrong: unknown, maxBytes = MIB): Pick<Operation, 'body'> => ({
  body: { good: typeof good === 'function' ? (good as () => unknown) : () => good, wrong, maxBytes },
});
let made = 0;
const newWorkspace = () => ({ id: `made-${process.pid}-${++made}`, name: 'Made', time_zone: 'UTC' });
const RANGE = { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' };
const DAYS = { ...RANGE, step: { amount: 1, unit: 'days' } };
/** A good body for POST and PUT. */
const SAVED = { name: 'Saved', audience: { everyone: true } };
/** A flow with a message. */
const MESSAGE = { ...FLOW, start: 'tell', nodes: { tell: { type: 'sms', text: 'Hello' } } };
const AUDIENCE = { trait: 'cart_status_updated', status: ['preparing'] };

export const OPERATIONS: Operation[] = [
  { service: 'ingest', method: 'POST', path: '/v1/events', role: 'ingest', status: 200 },
  { service: 'ingest', method: 'POST', path: '/v1/people', role: 'ingest', status: 200 },
  { service: 'ingest', method: 'GET', path: '/activity', role: 'admin', status: 200, everywhere: true },
  api('POST', '/v1/workspaces', 'admin', 201, { everywhere: true, ...json(newWorkspace, { id: 'Bad' }) }),
  api('GET', '/v1/workspaces', 'read', 200, { everywhere: true, ...list }),
  api('GET', '/v1/workspaces/{id}', 'read', 200, { everywhere: true, id: ({ shop }) => shop.id }),
  api('PATCH', '/v1/workspaces/{id}', 'admin', 200, {
    everywhere: true,
    id: ({ shop }) => shop.id,
    ...json({ name: 'Changed' }, { grace_seconds: 3601 }),
  }),
  api('POST', '/v1/keys', 'admin', 201, json({ role: 'read' }, { role: 'admin' })),
  api('GET', '/v1/keys', 'admin', 200, list),
  api('GET', '/v1/keys/{id}', 'admin', 200, { id: (world) => world.newKey() }),
  api('DELETE', '/v1/keys/{id}', 'admin', 204, { id: (world) => world.newKey() }),
  api('POST', '/v1/subscriptions', 'write', 201, json({ event: 'cart_status' }, { event: 'cart' })),
  api('GET', '/v1/subscriptions', 'write', 200, list),
  api('GET', '/v1/subscriptions/{id}', 'write', 200, { id: ({ subscription }) => subscription.id }),
  api('PATCH', '/v1/subscriptions/{id}', 'write', 200, {
    id: (world) => world.newSubscription(),
    ...json({ verify: 'token' }, { verify: 'nothing' }),
  }),
  api('DELETE', '/v1/subscriptions/{id}', 'write', 204, { id: (world) => world.newSubscription() }),
  api('POST', '/v1/subscriptions/{id}/rotate', 'write', 200, {
    id: (world) => world.newSubscription(),
    ...json({}, { hours: 1 }),
  }),
  api('GET', '/v1/dead-letters', 'write', 200, { query: { good: '?limit=1&source=people', wrong: '?source=nobody' } }),
  api('GET', '/v1/dead-letters/{id}', 'write', 200, { id: ({ letters }) => letters[0] ?? '' }),
  api('POST', '/v1/dead-letters/{id}/replay', 'write', 202, {
    id: ({ letters }) => letters[0] ?? '',
    ...json({ body: { cart: { id: 'mended', status: 'pending' } } }, { bodi: '' }, 4 * MIB),
  }),
  api('GET', '/v1/traits', 'read', 200),
  api('GET', '/v1/trait-events', 'read', 200, { query: { good: '?limit=1', wrong: '?cursor=x' } }),
  api('GET', '/v1/stores', 'read', 200, list),
  api(
    'POST',
    '/v1/audiences/preview',
    'read',
    200,
    json({ audience: AUDIENCE }, { audience: { trait: 'x' } }, MIB / 4),
  ),
  api(
    'POST',
    '/v1/audiences/explain',
    'read',
    200,
    json({ audience: AUDIENCE, person_id: '1' }, { audience: AUDIENCE, person_id: 1 }, MIB / 4),
  ),
  api('GET', '/v1/people', 'read', 200, { query: { good: '?email=kay%40example.com', wrong: '?phone=1' } }),
  api('GET', '/v1/people/{id}', 'read', 200, { id: () => '1' }),
  api('DELETE', '/v1/people/{id}', 'write', 204, { id: (world) => world.newPerson() }),
  api('GET', '/v1/link-rules', 'read', 200),
  api('PUT', '/v1/link-rules', 'write', 200, json({ limit: 30 }, { limit: 101 }, MIB)),
  api('GET', '/v1/link-report', 'read', 200, list),
  api('GET', '/v1/carts/{id}', 'read', 200, { id: () => 'k1' }),
  api('GET', '/v1/status', 'read', 200, { everywhere: true }),
  api('POST', '/v1/audiences/parse', 'read', 200, {
    everywhere: true,
    ...json({ text: 'everyone' }, { text: '' }, MIB / 4),
  }),
  api('POST', '/v1/audiences/render', 'read', 200, {
    everywhere: true,
    ...json({ audience: AUDIENCE }, { audience: {} }, MIB / 4),
  }),
  api('POST', '/v1/audiences', 'write', 201, json(SAVED, { ...SAVED, name: '' }, MIB / 4)),
  api('GET', '/v1/audiences', 'read', 200, list),
  api('GET', '/v1/audiences/{id}', 'read', 200, { id: (world) => world.newAudience() }),
  api('PUT', '/v1/audiences/{id}', 'write', 200, {
    id: (world) => world.newAudience(),
    headers: { 'if-match': '"1"' },
    ...json(SAVED, { ...SAVED, live: 1 }, MIB / 4),
  }),
  api('DELETE', '/v1/audiences/{id}', 'write', 204, { id: (world) => world.newAudience() }),
  api('GET', '/v1/audiences/{id}/versions', 'read', 200, { id: (world) => world.newAudience(), ...list }),
  api('GET', '/v1/audiences/{id}/members', 'read', 200, { id: (world) => world.newAudience(), ...list }),
  api('GET', '/v1/audiences/{id}/export', 'read', 200, {
    id: (world) => world.newAudience(),
    query: { good: '?format=ndjson', wrong: '?format=xml' },
  }),
  api(
    'POST',
    '/v1/audiences/trend',
    'read',
    200,
    json({ audience: AUDIENCE, ...DAYS }, { audience: AUDIENCE }, MIB / 4),
  ),
  api('POST', '/v1/analytics/funnel', 'read', 200, json(RANGE, { ...RANGE, to: '2020-01-01T00:00:00Z' })),
  api('POST', '/v1/analytics/abandonment', 'read', 200, json(DAYS, { ...DAYS, step: { amount: 1, unit: 'minutes' } })),
  api('GET', '/v1/analytics/board', 'read', 200, { query: { good: '?days=7&over_minutes=30', wrong: '?days=0' } }),
  api('GET', '/v1/analytics/board/carts', 'read', 200, {
    query: { good: '?status=preparing&store_id=1&store_id=2', wrong: '?days=7' },
  }),
  api('GET', '/v1/audiences/{id}/changes', 'read', 200, { id: (world) => world.newLiveAudience(), ...list }),
  api('GET', '/v1/audiences/{id}/changes/summary', 'read', 200, {
    id: (world) => world.newLiveAudience(),
    query: {
      good: '?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z&step=1+hour',
      wrong: '?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    },
  }),
  api('POST', '/v1/flows', 'write', 201, json(FLOW, { ...FLOW, start: 'nowhere' }, MIB / 2)),
  api('GET', '/v1/flows', 'read', 200, list),
  api('GET', '/v1/flows/{id}', 'read', 200, { id: (world) => world.newFlow() }),
  api('PUT', '/v1/flows/{id}', 'write', 200, {
    id: (world) => world.newFlow(),
    headers: { 'if-match': '"1"' },
    ...json(FLOW, { ...FLOW, triggers: [] }, MIB / 2),
  }),
  api('DELETE', '/v1/flows/{id}', 'write', 204, { id: (world) => world.newFlow() }),
  api('GET', '/v1/flows/{id}/versions', 'read', 200, { id: (world) => world.newFlow(), ...list }),
  api('POST', '/v1/flows/{id}/publish', 'write', 200, {
    id: (world) => world.newFlow(),
    ...json({ runs: 'move' }, { runs: 'stop' }),
  }),
  api('POST', '/v1/flows/{id}/pause', 'write', 200, { id: (world) => world.publishedFlow() }),
  api('POST', '/v1/flows/{id}/resume', 'write', 200, { id: (world) => world.publishedFlow() }),
  api('POST', '/v1/flows/validate', 'write', 200, { open: true, ...json(FLOW, [], MIB / 2) }),
  api('GET', '/v1/flow-templates', 'read', 200),
  api('GET', '/v1/channels/{channel}', 'read', 200, { common: true, id: () => 'sms' }),
  api('PUT', '/v1/channels/{channel}', 'write', 200, {
    common: true,
    id: () => 'email',
    ...json({ provider: 'test' }, { provider: 'pigeon' }),
  }),
  api('GET', '/v1/flows/{id}/report', 'read', 200, {
    id: (world) => world.newFlow(),
    query: {
      good: '?from=2026-01-01T00:00:00Z&to=2026-01-02T00:00:00Z',
      wrong: '?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z',
    },
  }),
  api('GET', '/v1/flows/{id}/runs', 'read', 200, { id: (world) => world.newFlow(), ...list }),
  api('GET', '/v1/flows/{id}/why', 'read', 200, {
    id: (world) => world.newFlow(),
    query: { good: '?person_id=1', wrong: '?limit=1' },
  }),
  api('GET', '/v1/runs/{id}', 'read', 200, { id: (world) => world.liveRun() }),
  api('POST', '/v1/runs/{id}/cancel', 'write', 202, { id: (world) => world.liveRun() }),
  api('GET', '/v1/messages', 'read', 200, list),
  api('POST', '/v1/code-pools', 'write', 201, json({ name: 'ten', codes: ['A'] }, { name: 'ten' }, 2 * MIB)),
  api('GET', '/v1/code-pools', 'read', 200, list),
  api(
    'POST',
    '/v1/flows/test',
    'write',
    200,
    json({ flow: MESSAGE, node: 'tell', person_id: '1' }, { node: 'tell', person_id: '1' }, MIB / 2),
  ),
  api(
    'POST',
    '/v1/flows/backtest',
    'read',
    200,
    json({ flow: FLOW, ...RANGE }, { flow: FLOW, ...RANGE, to: '2020-01-01T00:00:00Z' }, MIB / 2),
  ),
];

export interface Case {
  operation: Operation;
  status: number;
  why: string;
  change: (world: OpenApiWorld) => Partial<Asking> & { id?: string; query?: string };
}

/** A role whose key may not. */
const TOO_SMALL: Record<Role, 'ingest' | 'read' | 'write'> = {
  ingest: 'read',
  read: 'ingest',
  write: 'read',
  admin: 'write',
};

type Row = [status: number, why: string, change: Case['change']];

function casesOfHeads({ role, everywhere }: Operation): Row[] {
  return [
    [401, 'no key', () => ({ key: undefined })],
    [401, 'an unknown key', () => ({ key: `jt_read_${'x'.repeat(43)}` })],
    [403, `a key of role ${TOO_SMALL[role]}`, ({ shop }) => ({ key: shop.keys[TOO_SMALL[role]] })],
    [403, "another workspace than the key's", ({ shop, other }) => ({ key: shop.keys.write, workspace: other.id })],
    [431, 'a head over 16 KiB', () => ({ headers: { 'x-large': 'x'.repeat(16 * 1024) } })],
    [404, 'a workspace that is not there', (world) => ({ key: world.installation.adminKey, workspace: 'nowhere' })],
    ...(everywhere
      ? []
      : ([[400, 'an admin key without a workspace', ({ installation }) => ({ key: installation.adminKey })]] as Row[])),
  ];
}

function casesOfInput(operation: Operation): Row[] {
  const { service, method, role, id, body, query, everywhere, open, common } = operation;
  const bulk = service === 'ingest' && method === 'POST';
  const rows: Row[] = [];
  if (id) rows.push([404, 'it is not there', () => ({ id: 'nothing-of-that-id' })]);
  if (id && role !== 'admin' && !common)
    rows.push([404, "another workspace's", ({ other }) => ({ key: other.keys.write })]);
  if (id && role === 'admin' && !everywhere)
    rows.push([404, "another workspace's", ({ other }) => ({ workspace: other.id })]);
  if (query) rows.push([422, 'a query that is not valid', () => ({ query: query.wrong })]);
  if (!bulk) rows.push([422, 'an unknown parameter', () => ({ query: '?surprise=1' })]);
  if (body) {
    const { wrong, maxBytes = MIB } = body;
    rows.push([400, 'not JSON', () => ({ body: '{' })]);
    rows.push([422, 'JSON that is not valid', () => ({ body: wrong })]);
    if (!open) rows.push([422, `an unknown field (${method})`, () => ({ body: { surprise: 1 } })]);
    rows.push([413, `over ${maxBytes} bytes`, () => ({ body: ' '.repeat(maxBytes + 1) })]);
  }
  return rows;
}

/** What follows from the rules for all. */
export const CASES: Case[] = OPERATIONS.flatMap((operation) => {
  const good: Row = [operation.status, 'a good request', () => ({})];
  return [good, ...casesOfHeads(operation), ...casesOfInput(operation)].map(([status, why, change]) => ({
    operation,
    status,
    why,
    change,
  }));
});

/** The request of a case. */
export async function askingOf({ operation, change }: Case, world: OpenApiWorld): Promise<Asking> {
  const { service, method, path, role, id, body, query, headers, everywhere } = operation;
  const { id: otherId, query: otherQuery, ...rest } = change(world);
  const key = role === 'admin' ? world.installation.adminKey : world.shop.keys[role];
  const isAdmin = role === 'admin' && !everywhere && !('key' in rest);
  const inPath = otherId ?? (id ? await id(world) : '');
  return {
    service,
    method,
    path: path.replace(/\{\w+\}/, encodeURIComponent(inPath)) + (otherQuery ?? query?.good ?? ''),
    key,
    headers,
    ...(isAdmin ? { workspace: world.shop.id } : {}),
    ...(body ? { body: body.good(world) } : method === 'POST' && service === 'ingest' ? { body: '' } : {}),
    ...rest,
  };
}
