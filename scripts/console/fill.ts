/** Fills a workspace with what every page of the console can show: saved audiences, versions, dead letters, runs of flows. */
import {
  bodyOf,
  createApiClient,
  createIngestClient,
  ndjsonBytes,
  type ApiClient,
  type IngestClient,
  type Schemas,
} from '../../lib/client/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { fillFlows, until } from './fill-flows.ts';
import type { Entrance, Places } from './walk.ts';

type Audience = Schemas['Audience'];

interface Sample {
  name: string;
  description: string;
  audience: Audience;
  live?: boolean;
}

const last = (amount: number, unit: 'minutes' | 'hours' | 'days') =>
  ({ time: { operator: 'in_last', amount, unit } }) as const;

/** The first one is the place that pages of an audience show; it gets a second version. */
const SAMPLES: readonly Sample[] = [
  {
    name: 'Left a cart, not bought since',
    description: 'For the reminder by SMS.',
    audience: { and: [{ trait: 'cart_abandoned', ...last(24, 'hours') }, { not: bought(24, 'hours') }] },
    live: true,
  },
  {
    name: 'Abandoned in the last 30 minutes',
    description: 'Can still be won back.',
    audience: { trait: 'cart_abandoned', ...last(30, 'minutes') },
    live: true,
  },
  {
    name: 'Cancelled or dismissed',
    description: 'For an offer to order again.',
    audience: { trait: 'cart_status_updated', status: ['cancelled', 'dismissed'], ...last(7, 'days') },
  },
  {
    name: 'Ready for pickup',
    description: 'An order waits at the store.',
    audience: { trait: 'cart_status_updated', status: ['ready_for_pickup'], ...last(1, 'days') },
    live: true,
  },
  {
    name: 'Bought twice this week',
    description: '',
    audience: { trait: 'cart_status_updated', status: ['finished'], ...last(7, 'days'), at_least: 2 },
  },
];

function bought(amount: number, unit: 'hours' | 'days'): Audience {
  return { trait: 'cart_status_updated', status: ['finished', 'delivery_finished'], ...last(amount, unit) };
}

/** Lines that POST /v1/events cannot use: each becomes a dead letter. */
const UNUSABLE = [
  '{"type":"cart_status","occurred_at":"2026-03-17T12:00:00Z","cart":{"status":"preparing","store_id":68}}',
  '{"type":"cart_status","occurred_at":"2026-03-17T12:04:00Z","cart":{"id":81220,"store_id":68}}',
  '{"type":"cart_status","occurred_at":"yesterday","cart":{"id":81221,"status":"finished"}}',
  'id,status\n81222,finished',
].join('\n');

/** Makes what is missing; a second call finds what the first one made. The key must be a write or admin key. */
export async function fill(entrance: Entrance, clock: Clock): Promise<Places> {
  const { url, key, workspace } = entrance;
  const api = createApiClient({ baseUrl: url, key, workspace });
  const audience = await saveSamples(api);
  await makeDeadLetters(api, entrance, clock);
  const flows = await fillFlows(api, () => ingestOf(api, entrance), clock);
  return { audience, ...flows, person: await somebody(api), workspace };
}

async function saveSamples(api: ApiClient): Promise<string> {
  const { items } = await bodyOf(api.GET('/v1/audiences', { params: { query: { limit: 1_000 } } }));
  const ids: string[] = [];
  for (const sample of SAMPLES) {
    const known = items.find(({ name }) => name === sample.name);
    ids.push(known?.id ?? (await bodyOf(api.POST('/v1/audiences', { body: sample }))).id);
  }
  const [first = ''] = ids;
  const saved = await bodyOf(api.GET('/v1/audiences/{id}', { params: { path: { id: first } } }));
  if (saved.version === 1) {
    const { name, audience, live = false } = SAMPLES[0]!;
    const params = { path: { id: first }, header: { 'If-Match': '"1"' } };
    const body = {
      name,
      audience,
      live,
      description: 'For the reminder by SMS, and the offer by email two days later.',
    };
    await bodyOf(api.PUT('/v1/audiences/{id}', { params, body }));
  }
  return first;
}

/** A client of ingest, whose address is in the URL of a subscription. */
async function ingestOf(api: ApiClient, { key, workspace }: Entrance): Promise<IngestClient> {
  const [subscription] = (await bodyOf(api.GET('/v1/subscriptions', { params: { query: { limit: 1 } } }))).items;
  if (!subscription) throw new Error('the workspace has no subscription, whose URL names the address of ingest');
  return createIngestClient({ baseUrl: new URL(subscription.url).origin, key, workspace });
}

async function makeDeadLetters(api: ApiClient, entrance: Entrance, clock: Clock): Promise<void> {
  const listed = async (): Promise<number> =>
    (await bodyOf(api.GET('/v1/dead-letters', { params: { query: { limit: 1 } } }))).items.length;
  if ((await listed()) > 0) return;
  const ingest = await ingestOf(api, entrance);
  await bodyOf(ingest.POST('/v1/events', ndjsonBytes(Buffer.from(UNUSABLE))));
  await until(clock, 'dead letters are listed', async () => (await listed()) > 0);
}

/** A person with orders. */
async function somebody(api: ApiClient): Promise<string> {
  const { sample } = await bodyOf(api.POST('/v1/audiences/preview', { body: { audience: bought(7, 'days') } }));
  const [first] = sample;
  if (!first) throw new Error('nobody has bought anything in the last 7 days: play a day first (npm run demo)');
  return first.person_id;
}
