/** The API, typed: what the console reads and asks for. Times on the wire are RFC 3339, UTC. */

export interface Problem {
  title: string;
  status: number;
  detail?: string;
  errors?: { path: string; message: string }[];
}

/** An answer that is no 2xx, or none at all (status 0). */
export class ApiError extends Error {
  readonly problem: Problem;
  constructor(problem: Problem) {
    super(problem.detail ?? problem.title);
    this.name = 'ApiError';
    this.problem = problem;
  }
  get status(): number {
    return this.problem.status;
  }
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

export interface Workspace {
  id: string;
  name: string;
  time_zone: string;
  abandonment_window_minutes: number;
}

export type Trait = 'cart_abandoned' | 'cart_status_updated';
export type TimeCondition =
  { operator: 'in_last'; amount: number; unit: 'minutes' | 'hours' | 'days' } | { operator: 'on'; date: string };

export interface Leaf {
  trait: Trait;
  status?: string[];
  recovered?: boolean;
  time?: TimeCondition;
}

export interface Preview {
  count: number;
  reachable: { sms: number; email: number };
  now: string;
  fresh_through: string;
  elapsed_ms: number;
}

export interface TraitEvent {
  event_id: string;
  trait: Trait;
  /** Empty for cart_abandoned. */
  status: string;
  occurred_at: string;
  detected_at: string;
  recovered_at: string | null;
  person_id: string;
  name: string | null;
  cart_id: string;
  store_id: string | null;
  mode: string | null;
  amount: number | null;
  anomaly: string | null;
  source: string | null;
}

export interface TraitStatus {
  status: string;
  meaning?: string | null;
  known?: boolean;
}

export interface Store {
  store_id: string;
  name?: string | null;
}

export type SubscriptionEvent = 'cart_status' | 'cart_activity' | 'cart_abandoned';
export type Verify = 'both' | 'signature' | 'token';

export interface Subscription {
  id: string;
  event: SubscriptionEvent;
  url: string;
  store_ids: string[] | null;
  time_zone: string;
  verify: Verify;
  last_received_at?: string | null;
  refused?: Record<string, number>;
}

/** With its secrets: answered once, by the call that made them. */
export interface SubscriptionSecrets extends Subscription {
  bearer_token: string;
  signing_secret: string;
}

export interface NewSubscription {
  event: SubscriptionEvent;
  store_ids?: string[];
  time_zone?: string;
  verify?: Verify;
}

export interface DeadLetter {
  dead_letter_id: string;
  source: 'webhook' | 'events' | 'people' | 'carts';
  subscription_id: string | null;
  reason: string;
  message: string;
  line: number | null;
  received_at: string;
  request_at: string | null;
  body?: string;
  body_truncated?: boolean;
}

export type StageState = 'running' | 'restoring' | 'closing' | 'waiting' | 'stopped';

export interface StatusStage {
  stage: string;
  state: StageState;
  /** Records in front of it. */
  lag: number | null;
  /** How far its results are behind. */
  behind_ms: number | null;
  /** Sum of its positions: goes up when something passes. */
  position: number | null;
}

/** GET /v1/status. */
export interface Status {
  now: string;
  fresh_through: string | null;
  stages: StatusStage[];
}

/** What a request is made with. `workspace` only with an admin's key. */
export interface Credentials {
  key: string;
  workspace: string | null;
}

async function readProblem(response: Response): Promise<Problem> {
  const text = await response.text();
  try {
    const body = JSON.parse(text) as Partial<Problem>;
    return { ...body, title: body.title ?? response.statusText, status: response.status };
  } catch {
    return { title: response.statusText || 'The answer could not be read', status: response.status };
  }
}

/** Throws ApiError. */
export async function request<T>(
  credentials: Credentials,
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const headers: Record<string, string> = { authorization: `Bearer ${credentials.key}` };
  if (credentials.workspace !== null) headers['x-workspace'] = credentials.workspace;
  if (body !== undefined) headers['content-type'] = 'application/json';
  let response: Response;
  try {
    response = await fetch(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
      cache: 'no-store',
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError({ title: 'The API does not answer', status: 0 });
  }
  if (!response.ok) throw new ApiError(await readProblem(response));
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

/** At most so many previews at once: they share one database with everybody else. */
const PREVIEWS_AT_ONCE = 3;

/** Lets `width` tasks run at a time, first come, first served. */
export function createGate(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      // The place goes to the next in line, so that nobody slips in between.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

const gate = createGate(PREVIEWS_AT_ONCE);

/** People for whom the condition holds now. */
export const preview = (credentials: Credentials, audience: Leaf, signal?: AbortSignal): Promise<Preview> =>
  gate(() => request<Preview>(credentials, 'POST', '/v1/audiences/preview', { audience }, signal));
