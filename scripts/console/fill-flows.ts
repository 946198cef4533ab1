/** A flow with runs and messages for the pages of the console that show one. */
import { bodyOf, ndjson, type ApiClient, type IngestClient, type Schemas } from '../../lib/client/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Places } from './walk.ts';

type Run = Schemas['FlowRun'];
type FlowPlaces = Pick<Places, 'flow' | 'run' | 'runPerson'>;

/** Templates whose flows have most to show come first. */
const BEST_FIRST = ['Abandoned cart recovery', 'Ready for pickup'];
/** A flow that runs as soon as an order has a status: for a workspace in which no flow has run. */
const QUICK_TEMPLATE = 'order_preparing';
const DRAFT_TEMPLATE = 'abandoned_cart_recovery';

const WITHIN_MS = 90_000;
const POLL_MS = 250;

/** Finds a flow with a run. Without one, it publishes a template on its channel, and sends an order. */
export async function fillFlows(
  api: ApiClient,
  ingest: () => Promise<IngestClient>,
  clock: Clock,
): Promise<FlowPlaces> {
  const found = await findRun(api);
  if (found !== undefined) return found;
  const { items: templates } = await bodyOf(api.GET('/v1/flow-templates'));
  for (const id of [DRAFT_TEMPLATE, QUICK_TEMPLATE]) {
    const { flow } = templates.find((template) => template.id === id)!;
    const saved = await bodyOf(api.POST('/v1/flows', { body: flow }));
    if (id === DRAFT_TEMPLATE) continue;
    const params = { path: { id: saved.id } };
    await bodyOf(api.POST('/v1/flows/{id}/publish', { params }));
    await until(
      clock,
      'the flow is live',
      async () => (await bodyOf(api.GET('/v1/flows/{id}', { params }))).state === 'live',
    );
  }
  const cart = {
    ...{ id: 'console-1', status: 'preparing', store_id: 68, store_name: 'Pacific Leaf Venice' },
    ...{ customer_name: 'Nia Osei', customer_phone_number: '(808) 555-0177', amount: 45.5 },
  };
  const line = { type: 'cart_status', occurred_at: new Date(clock.wallMs()).toISOString(), cart };
  await bodyOf((await ingest()).POST('/v1/events', ndjson([line])));
  return until(clock, 'a run is listed', () => findRun(api));
}

/** The run with most to show; undefined while no message was sent. */
async function findRun(api: ApiClient): Promise<FlowPlaces | undefined> {
  const { items } = await bodyOf(api.GET('/v1/flows', { params: { query: { limit: 1_000 } } }));
  const rank = (name: string): number => (BEST_FIRST.includes(name) ? BEST_FIRST.indexOf(name) : BEST_FIRST.length);
  const flows = items.filter(({ state }) => state === 'live').sort((a, b) => rank(a.flow.name) - rank(b.flow.name));
  for (const { id } of flows) {
    const params = { path: { id }, query: { limit: 100 } };
    const runs = (await bodyOf(api.GET('/v1/flows/{id}/runs', { params }))).items;
    const run = runs.find(isTold) ?? runs.find(({ state }) => state === 'live');
    if (run?.person_id) return { flow: id, run: run.id, runPerson: run.person_id };
  }
  return undefined;
}

const isTold = ({ state, person_id }: Run): boolean => state === 'completed' && person_id !== null;

/** Asks until there is an answer; throws an Error that names what is missing. */
export async function until<T>(clock: Clock, what: string, find: () => Promise<T | undefined | false>): Promise<T> {
  const deadlineMs = clock.elapsedMs() + WITHIN_MS;
  for (;;) {
    const found = await find();
    if (found !== undefined && found !== false) return found;
    if (clock.elapsedMs() > deadlineMs) throw new Error(`not in time: ${what}`);
    await clock.sleep(POLL_MS);
  }
}
