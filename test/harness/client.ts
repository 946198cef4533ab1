/** What an outside program does with an installation: by HTTP alone, as the contract says. */
import { createHmac } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Installation } from './installation.ts';

type Addresses = Pick<Installation, 'apiUrl' | 'ingestUrl' | 'adminKey'>;

export interface Answer<T = unknown> {
  status: number;
  body: T;
  headers: Headers;
}

/** One JSON request; never throws for a status. */
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

function expectStatus<T>(answer: Answer<T>, status: number, what: string): T {
  if (answer.status !== status) {
    throw new Error(`${what}: ${answer.status} instead of ${status}: ${JSON.stringify(answer.body)}`);
  }
  return answer.body;
}

export interface Workspace {
  id: string;
  keys: { ingest: string; read: string; write: string };
}

export interface WorkspaceSettings {
  time_zone?: string;
  abandonment_window_minutes?: number;
  grace_seconds?: number;
  retry_horizon_minutes?: number;
  default_country?: string;
}

let workspaces = 0;

/** A new workspace with an id of its own unless one is given. */
export async function createWorkspace(
  { apiUrl, adminKey }: Addresses,
  settings: WorkspaceSettings & { id?: string } = {},
): Promise<Workspace> {
  const id = settings.id ?? `w${process.pid}-${Date.now().toString(36)}-${workspaces++}`;
  const body = { name: id, time_zone: 'UTC', ...settings, id };
  const answer = await request<{ keys: Workspace['keys'] }>(`${apiUrl}/v1/workspaces`, {
    method: 'POST',
    key: adminKey,
    body,
  });
  return { id, keys: expectStatus(answer, 201, 'POST /v1/workspaces').keys };
}

export interface Subscription {
  id: string;
  url: string;
  bearer_token: string;
  signing_secret: string;
}

export async function createSubscription(
  { apiUrl }: Addresses,
  workspace: Workspace,
  settings: {
    event: 'cart_status' | 'cart_activity' | 'cart_abandoned';
    store_ids?: string[];
    time_zone?: string;
    verify?: string;
  },
): Promise<Subscription> {
  const answer = await request<Subscription>(`${apiUrl}/v1/subscriptions`, {
    method: 'POST',
    key: workspace.keys.write,
    body: settings,
  });
  return expectStatus(answer, 201, 'POST /v1/subscriptions');
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

export interface LinesAnswer {
  accepted: number;
  rejected: number;
  errors: { line: number; message: string; dead_letter_id: string }[];
}

/** Posts NDJSON to /v1/events or /v1/people; throws unless the answer is 200. */
export async function postLines(
  { ingestUrl }: Addresses,
  workspace: Workspace,
  path: 'events' | 'people',
  lines: unknown[],
): Promise<LinesAnswer> {
  const response = await fetch(`${ingestUrl}/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${workspace.keys.ingest}`, 'content-type': 'application/x-ndjson' },
    body: lines.map((line) => `${JSON.stringify(line)}\n`).join(''),
  });
  const answer = {
    status: response.status,
    body: parse(await response.text()) as LinesAnswer,
    headers: response.headers,
  };
  return expectStatus(answer, 200, `POST /v1/${path}`);
}

export interface Preview {
  count: number;
  reachable: { sms: number; email: number };
  now: string;
  fresh_through: string;
  sample: { person_id: string; name: string | null; phone: string | null; email: string | null }[];
  elapsed_ms: number;
}

/** The preview of an audience; throws unless the answer is 200. */
export async function preview(
  { apiUrl }: Addresses,
  workspace: Workspace,
  audience: unknown,
  options: { now?: string; known_at?: string; include_anonymous?: boolean } = {},
): Promise<Preview> {
  const answer = await request<Preview>(`${apiUrl}/v1/audiences/preview`, {
    method: 'POST',
    key: workspace.keys.read,
    body: { audience, ...options },
  });
  return expectStatus(answer, 200, 'POST /v1/audiences/preview');
}

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
    async () => {
      const { fresh_through } = await preview(installation, workspace, { everyone: true });
      return Date.parse(fresh_through) >= sinceMs;
    },
    { timeoutMs },
  );
}
