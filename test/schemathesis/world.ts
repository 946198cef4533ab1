/** What the fuzzed installation has in it, so that not every answer is an empty list or a 404. */
import { bodyOf, createApiClient, type ApiClient } from '../../lib/client/index.ts';
import {
  createSubscription,
  createWorkspace,
  postLines,
  postWebhook,
  waitFresh,
  waitUntil,
  type Workspace,
} from '../harness/client.ts';

export interface Addresses {
  apiUrl: string;
  ingestUrl: string;
  adminKey: string;
}

export interface World {
  workspace: Workspace;
  /** For hooks.py: the ids to put into a path of the document, and the secrets of the webhooks' subscription. */
  hooks: { workspace: string; ids: Record<string, string[]>; bearer_token: string; signing_secret: string };
}

const CARTS = 12;
const SPARE = 40;

const lineOf = (cart: number, index: number): object => ({
  type: 'cart_status',
  occurred_at: new Date(Date.now() - (CARTS - cart + 1) * 3_600_000 + index * 60_000).toISOString(),
  cart: {
    id: `cart-${cart}`,
    status: ['pending', 'verification', 'preparing', 'of no kind we know'][index],
    amount: 10 * cart,
    store_id: `store-${cart % 3}`,
    customer_phone_number: `+1808555${String(1000 + (cart % 7))}`,
    customer_email_address: `a${cart % 5}@example.com`,
    products: [{ product_id: `p-${cart}`, count: 1, price: 10 }],
  },
});

/** The ids of many of a kind: runs delete them. */
async function spare(create: () => Promise<{ id: string }>): Promise<string[]> {
  const ids: string[] = [];
  for (let i = 0; i < SPARE; i++) ids.push((await create()).id);
  return ids;
}

const createKey = (api: ApiClient) => bodyOf(api.POST('/v1/keys', { body: { role: 'read' } }));
const createOther = (api: ApiClient) => bodyOf(api.POST('/v1/subscriptions', { body: { event: 'cart_activity' } }));

/** Live, so that changes can be asked for. */
const createAudience = (api: ApiClient) =>
  bodyOf(
    api.POST('/v1/audiences', {
      body: { name: 'Preparing', audience: { trait: 'cart_status_updated', status: ['preparing'] }, live: true },
    }),
  );

/** Carts, people, stores, dead letters of each source, keys, subscriptions and audiences. */
export async function makeWorld(addresses: Addresses): Promise<World> {
  const { apiUrl, adminKey } = addresses;
  const workspace = await createWorkspace(addresses);
  const api = createApiClient({ baseUrl: apiUrl, key: adminKey, workspace: workspace.id });
  const hooked = await createWorkspace(addresses);
  const subscription = await createSubscription(addresses, hooked, { event: 'cart_status' });
  const ours = await createSubscription(addresses, workspace, { event: 'cart_status' });
  const lines = Array.from({ length: CARTS }, (_, cart) => [0, 1, 2, 3].map((index) => lineOf(cart, index))).flat();
  const bad = [{ type: 'cart_status' }, { nothing: true }];
  await postLines(addresses, workspace, 'events', [...lines, ...bad]);
  const occurred_at = new Date().toISOString();
  const consent = { sms: 'opted_in', email: 'opted_out' };
  await postLines(addresses, workspace, 'people', [
    { occurred_at, phone: '+18085551000', name: 'Kai', external_user_id: '7', external_user_source: 'pos', consent },
    { occurred_at },
  ]);
  await postWebhook(ours, { cart: { status: 'pending' } });
  await waitFresh(addresses, workspace);
  const dead = await waitUntil('the dead letters are there', async () => {
    const { items } = await bodyOf(api.GET('/v1/dead-letters'));
    return items.length === 4 && items.map(({ dead_letter_id }) => dead_letter_id);
  });
  const carts = Array.from({ length: CARTS }, (_, cart) => `cart-${cart}`);
  const people = Array.from({ length: 6 }, (_, i) => String(i + 1));
  const subscriptions = await spare(() => createOther(api));
  const audiences = await spare(() => createAudience(api));
  return {
    workspace,
    hooks: {
      workspace: workspace.id,
      ids: {
        '/v1/webhooks/jane/{subscription}': [subscription.id],
        '/v1/workspaces/{id}': [workspace.id],
        '/v1/keys/{id}': await spare(() => createKey(api)),
        '/v1/subscriptions/{id}': subscriptions,
        '/v1/subscriptions/{id}/rotate': subscriptions,
        '/v1/dead-letters/{id}': dead,
        '/v1/dead-letters/{id}/replay': dead,
        '/v1/carts/{id}': carts,
        '/v1/people/{id}': people,
        '/v1/audiences/{id}': audiences,
        '/v1/audiences/{id}/versions': audiences,
        '/v1/audiences/{id}/members': audiences,
        '/v1/audiences/{id}/export': audiences,
        '/v1/audiences/{id}/changes': audiences,
        '/v1/audiences/{id}/changes/summary': audiences,
      },
      bearer_token: subscription.bearer_token,
      signing_secret: subscription.signing_secret,
    },
  };
}
