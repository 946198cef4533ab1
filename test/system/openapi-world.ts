/** An installation with something of each kind in it, both of whose services are held to their documents. */
import { bodyOf, createApiClient } from '../../lib/client/index.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  request,
  waitFresh,
  waitUntil,
  type Subscription,
  type Workspace,
} from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { insertSteps } from './flow-rows.ts';
import { agreementWith, type Agreement, type OpenApi } from './openapi-agreement.ts';

export type Service = 'api' | 'ingest';

export interface Asking {
  service: Service;
  method: string;
  path: string;
  key?: string | undefined;
  workspace?: string | undefined;
  /** As JSON, unless it is text or bytes. */
  body?: unknown;
  headers?: Record<string, string> | undefined;
}

export interface OpenApiWorld {
  installation: Installation;
  documents: Record<Service, Agreement>;
  /** What every test of routes asks about. */
  shop: Workspace;
  other: Workspace;
  subscription: Subscription;
  /** Dead letters of the store; their bodies cannot be used unchanged. */
  letters: string[];
  /** A new one at each call, to be deleted. */
  newKey(): Promise<string>;
  newSubscription(): Promise<string>;
  newAudience(): Promise<string>;
  newPerson(): Promise<string>;
  newLiveAudience(): Promise<string>;
  newFlow(): Promise<string>;
  /** A run that has not ended, the same one at each call. */
  liveRun(): Promise<string>;
  /** A live flow, the same one at each call. */
  publishedFlow(): Promise<string>;
  /** As `api GET /v1/carts/{id} 200`: all that was answered and was as the document says. */
  seen: Set<string>;
  /** Throws when the answer is not what the document says; resolves with its status. */
  ask(asking: Asking): Promise<number>;
  /** The same for an answer that came in another way. */
  hold(
    asking: Pick<Asking, 'service' | 'method' | 'path'>,
    answer: { status: number; headers: Headers; body: unknown },
  ): number;
  close(): Promise<void>;
}

const encoded = (body: unknown): BodyInit =>
  typeof body === 'string' || body instanceof Uint8Array ? (body as BodyInit) : JSON.stringify(body);

/** A flow that ends at once. */
export const FLOW = {
  name: 'Prepared',
  triggers: [{ trait: 'cart_status_updated' as const, status: ['preparing'] }],
  start: 'end',
  nodes: { end: { type: 'exit' } },
};

/** Bulk bodies that ingest takes at once. */
export const BULK_BODIES = 3;

export async function openWorld(): Promise<OpenApiWorld> {
  const env = { PARTITIONS: '2', MAX_BULK_BODIES: String(BULK_BODIES) };
  const installation = await startInstallation({ ownEngines: true, env });
  const { apiUrl, ingestUrl, adminKey } = installation;
  const urls = { api: apiUrl, ingest: ingestUrl };
  const document = async (service: Service): Promise<Agreement> =>
    agreementWith((await request<OpenApi>(`${urls[service]}/openapi.json`)).body);
  const documents = { api: await document('api'), ingest: await document('ingest') };
  const [shop, other] = [await createWorkspace(installation), await createWorkspace(installation)];
  const subscription = await createSubscription(installation, shop, { event: 'cart_status' });
  const letters = await fill(installation, shop, subscription);
  const api = createApiClient({ baseUrl: apiUrl, key: adminKey, workspace: shop.id });
  let live: string | undefined;
  let published: string | undefined;
  let run: string | undefined;
  const newFlow = async (): Promise<string> => (await bodyOf(api.POST('/v1/flows', { body: FLOW }))).id;

  const seen = new Set<string>();
  const hold: OpenApiWorld['hold'] = ({ service, method, path }, answer) => {
    const { place, wrong } = documents[service].check(method, path, answer);
    if (wrong.length > 0) throw new Error(`${place}: ${wrong.join('; ')} in ${JSON.stringify(answer.body)}`);
    seen.add(`${service} ${place}`);
    return answer.status;
  };
  return {
    installation,
    documents,
    shop,
    other,
    subscription,
    letters,
    newKey: async () => (await bodyOf(api.POST('/v1/keys', { body: { role: 'read' } }))).id,
    newSubscription: async () => (await bodyOf(api.POST('/v1/subscriptions', { body: { event: 'cart_status' } }))).id,
    newAudience: async () => {
      const audience = { name: 'Made', audience: { everyone: true } } as const;
      return (await bodyOf(api.POST('/v1/audiences', { body: audience }))).id;
    },
    newPerson: () => newPerson(installation, shop),
    newLiveAudience: async () => {
      const audience = { name: 'Live', audience: { everyone: true }, live: true } as const;
      live ??= (await bodyOf(api.POST('/v1/audiences', { body: audience }))).id;
      return live;
    },
    newFlow,
    liveRun: async () => {
      if (run !== undefined) return run;
      run = 'f'.repeat(32);
      const step = { workspace: shop.id, flow_id: await newFlow(), run_id: run, what: 'started', at: Date.now() };
      await insertSteps(installation, [step]);
      return run;
    },
    publishedFlow: async () => {
      published ??= await newFlow();
      await bodyOf(api.POST('/v1/flows/{id}/publish', { params: { path: { id: published } }, body: {} }));
      return published;
    },
    seen,
    hold,
    async ask(asking) {
      const { service, method, path, key, workspace, body, headers } = asking;
      const response = await fetch(urls[service] + path, {
        method,
        headers: {
          ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
          ...(workspace === undefined ? {} : { 'x-workspace': workspace }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: encoded(body) }),
      });
      const text = await response.text();
      const json = /[/+]json/.test(response.headers.get('content-type') ?? '');
      const parsed: unknown = json ? JSON.parse(text) : text;
      return hold(asking, { status: response.status, headers: response.headers, body: parsed });
    },
    close: () => removeInstallation(installation),
  };
}

let people = 0;

/** The id of a person that nobody else asks about. */
async function newPerson(installation: Installation, shop: Workspace): Promise<string> {
  const user_id = `made-${++people}`;
  await postLines(installation, shop, 'people', [{ occurred_at: new Date().toISOString(), user_id }]);
  const api = createApiClient({ baseUrl: installation.apiUrl, key: shop.keys.read });
  return waitUntil('the person is there', async () => {
    const { items } = await bodyOf(api.GET('/v1/people', { params: { query: { user_id } } }));
    return items[0]?.person_id;
  });
}

/** A cart with a person, and dead letters: their ids. */
async function fill(installation: Installation, shop: Workspace, subscription: Subscription): Promise<string[]> {
  const occurred_at = new Date(Date.now() - 3_600_000).toISOString();
  const cart = { id: 'k1', status: 'preparing', store_id: 68, customer_email_address: 'kay@example.com' };
  await postLines(installation, shop, 'events', [{ type: 'cart_status', occurred_at, cart }]);
  const consent = { email: 'opted_in' };
  await postLines(installation, shop, 'people', [{ occurred_at, email: 'kay@example.com', name: 'Kay', consent }]);
  await postWebhook(subscription, { cart: { status: 'pending' } });
  await postLines(installation, shop, 'people', [{ occurred_at, name: 'Nobody' }]);
  await waitFresh(installation, shop);
  const api = createApiClient({ baseUrl: installation.apiUrl, key: shop.keys.write });
  return waitUntil('the dead letters are there', async () => {
    const { items } = await bodyOf(api.GET('/v1/dead-letters', { params: { query: { source: 'webhook' } } }));
    return items.length > 0 && items.map(({ dead_letter_id }) => dead_letter_id);
  });
}
