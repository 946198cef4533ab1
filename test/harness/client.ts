/**
 * What an outside program does with an installation: by HTTP alone, with the types of the served contract. `request`
 * sends anything at all, for tests of requests that the contract does not allow, and for `/openapi.json`.
 */
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  bodyOf,
  createApiClient,
  createIngestClient,
  ndjson,
  type IngestSchemas,
  type Schemas,
} from '../../lib/client/index.ts';
import type { Installation } from './installation.ts';

type Addresses = Pick<Installation, 'apiUrl' | 'ingestUrl' | 'adminKey'>;

export interface Answer<T = unknown> {
  status: number;
  body: T;
  headers: Headers;
}

/** One JSON request. Resolves for every status. */
export async function request<T>(
  url: string,
  { method = 'GET', key, workspace, body }: { method?: string; key?: string; workspace?: string; body?: unknown } = {},
): Promise<Answer<T>> {
  const response = await fetch(url, {
    method,
    headers: {
      ...(key !== undefined && { authorization: `Bearer ${key}` }),
      ...(workspace !== undefined && { 'x-workspace': workspace }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, body: parse(text) as T, headers: response.headers };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

export interface Workspace {
  id: string;
  keys: { ingest: string; read: string; write: string };
}

export type WorkspaceSettings = Partial<
  Pick<
    Schemas['Workspace'],
    'time_zone' | 'abandonment_window_minutes' | 'grace_seconds' | 'retry_horizon_minutes' | 'default_country'
  >
>;

let workspaces = 0;

/** A new workspace with an id of its own unless one is given. */
export async function createWorkspace(
  { apiUrl, adminKey }: Addresses,
  settings: WorkspaceSettings & { id?: string } = {},
): Promise<Workspace> {
  const id = settings.id ?? `w${process.pid}-${Date.now().toString(36)}-${workspaces++}`;
  const api = createApiClient({ baseUrl: apiUrl, key: adminKey });
  const body = { name: id, time_zone: 'UTC', ...settings, id };
  const { keys } = await bodyOf(api.POST('/v1/workspaces', { body }));
  return { id, keys };
}

/** What a sender of webhooks needs of a subscription. */
export type Subscription = Pick<Schemas['SubscriptionSecrets'], 'id' | 'url' | 'bearer_token' | 'signing_secret'>;

export type SubscriptionSettings = Pick<Schemas['Subscription'], 'event'> &
  Partial<Pick<Schemas['Subscription'], 'store_ids' | 'time_zone' | 'verify'>>;

export async function createSubscription(
  { apiUrl }: Addresses,
  workspace: Workspace,
  settings: SubscriptionSettings,
): Promise<Subscription> {
  const api = createApiClient({ baseUrl: apiUrl, key: workspace.keys.write });
  return bodyOf(api.POST('/v1/subscriptions', { body: settings }));
}

/** The headers that Jane sends with a body. */
export function signWebhook(
  subscription: Subscription,
  body: string | Buffer,
  at: Date = new Date(),
): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000));
  const hmac = createHmac('sha256', subscription.signing_secret).update(`${timestamp}:`).update(body);
  return {
    authorization: `Bearer ${subscription.bearer_token}`,
    'content-type': 'application/json',
    'x-jane-request-timestamp': timestamp,
    'x-jane-signature': hmac.digest('hex'),
  };
}

/** Posts a signed webhook; a body that is not text is sent as JSON. Headers given override the signed ones. */
export async function postWebhook(
  subscription: Subscription,
  payload: unknown,
  { at, headers }: { at?: Date; headers?: Record<string, string> } = {},
): Promise<Answer<{ event_id?: string; dead_letter_id?: string }>> {
  const body = typeof payload === 'string' ? payload : JSON.stringify(payload);
  const response = await fetch(subscription.url, {
    method: 'POST',
    headers: { ...signWebhook(subscription, body, at), ...headers },
    body,
  });
  const answer = parse(await response.text()) as { event_id?: string; dead_letter_id?: string };
  return { status: response.status, body: answer, headers: response.headers };
}

/** Posts NDJSON to /v1/events or /v1/people; throws unless the answer is 200. */
export async function postLines(
  { ingestUrl }: Addresses,
  workspace: Workspace,
  path: 'events' | 'people',
  lines: unknown[],
): Promise<IngestSchemas['BulkResult']> {
  const ingest = createIngestClient({ baseUrl: ingestUrl, key: workspace.keys.ingest });
  return bodyOf(ingest.POST(`/v1/${path}`, ndjson(lines)));
}

export type Preview = Schemas['Preview'];
/** A valid audience: invalid ones are sent with `request`. */
export type Audience = Schemas['Audience'];

/** The preview of an audience; throws unless the answer is 200. */
export async function preview(
  { apiUrl }: Addresses,
  workspace: Workspace,
  audience: Audience,
  options: { now?: string; known_at?: string; include_anonymous?: boolean } = {},
): Promise<Preview> {
  const api = createApiClient({ baseUrl: apiUrl, key: workspace.keys.read });
  return bodyOf(api.POST('/v1/audiences/preview', { body: { audience, ...options } }));
}

/** The time through which a preview is fresh, in Unix milliseconds; -Infinity while unknown. */
export const freshMsOf = ({ fresh_through }: Pick<Preview, 'fresh_through'>): number =>
  fresh_through === null ? -Infinity : Date.parse(fresh_through);

/** Polls until `check` gives something other than undefined or false; throws with the last error at the end of the time. */
export async function waitUntil<T>(
  what: string,
  check: () => Promise<T | undefined | false> | T | undefined | false,
  { timeoutMs = 20_000, everyMs = 50 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  let last: unknown;
  do {
    try {
      const result = await check();
      if (result !== undefined && result !== false) return result;
      last = undefined;
    } catch (error) {
      last = error;
    }
    await sleep(everyMs);
  } while (Date.now() < deadline);
  throw new Error(`${what}: not within ${timeoutMs} ms${last ? ` (${String(last)})` : ''}`);
}

/** Waits until previews count everything that had its answer before `sinceMs` (milliseconds since 1970). */
export async function waitFresh(
  installation: Addresses,
  workspace: Workspace,
  sinceMs: number = Date.now(),
  timeoutMs = 30_000,
): Promise<void> {
  await waitUntil(
    `fresh through ${new Date(sinceMs).toISOString()}`,
    async () => freshMsOf(await preview(installation, workspace, { everyone: true })) >= sinceMs,
    { timeoutMs },
  );
}
