import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  ApiError,
  bodyOf,
  createApiClient,
  createIngestClient,
  ndjson,
  type ApiClient,
  type Schemas,
} from '../lib/client/index.ts';
import { systemClock } from '../lib/clock/index.ts';
import { storeTimeZone, simulateDay, simulateLive } from '../lib/simulate/index.ts';
import type { PersonLine, SimulatedWebhook, WebhookEvent } from '../lib/simulate/index.ts';
import { sendWebhooks, type SendProgress, type SendResult, type Target } from '../lib/webhook-client/index.ts';

const EVENTS: readonly WebhookEvent[] = ['cart_status', 'cart_activity', 'cart_abandoned'];
/** The default workspace. */
const WORKSPACE = 'simulation';
/** Average number of webhooks for one cart. */
const WEBHOOKS_PER_CART = 7.5;

class UsageError extends Error {}

interface Options {
  carts: number;
  seed: number;
  stores: number;
  timeZone: string | undefined;
  live: boolean;
  rate: number | undefined;
  concurrency: number;
  api: string;
  ingest: string;
  workspace: string | undefined;
  key: string | undefined;
  keep: boolean;
  targets: string | undefined;
}

function wholeNumber(name: string, text: string, low: number, high: number): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < low || value > high)
    throw new UsageError(`--${name} must be a whole number from ${low} to ${high}, not "${text}"`);
  return value;
}

function readOptions(argv: string[], env: NodeJS.ProcessEnv): Options {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({
    args: argv,
    options: {
      carts: { ...text, default: '500' },
      seed: { ...text, default: String(Math.floor(Date.now() / 1_000) % 100_000) },
      stores: { ...text, default: '5' },
      'time-zone': text,
      live: { type: 'boolean', default: false },
      rate: text,
      concurrency: { ...text, default: '32' },
      api: { ...text, default: `http://127.0.0.1:${env.API_PORT ?? '7000'}` },
      ingest: { ...text, default: `http://127.0.0.1:${env.INGEST_PORT ?? '7001'}` },
      workspace: text,
      key: text,
      keep: { type: 'boolean', default: false },
      targets: text,
    },
  });
  const rate = values.rate === undefined ? undefined : Number(values.rate);
  if (rate !== undefined && !(rate > 0))
    throw new UsageError(`--rate must be a number greater than 0, not "${values.rate}"`);
  return {
    carts: wholeNumber('carts', values.carts, 1, 400_000),
    seed: wholeNumber('seed', values.seed, 0, 2 ** 31),
    stores: wholeNumber('stores', values.stores, 1, 1_000),
    timeZone: values['time-zone'],
    live: values.live,
    rate,
    concurrency: wholeNumber('concurrency', values.concurrency, 1, 1_000),
    api: values.api.replace(/\/$/, ''),
    ingest: values.ingest.replace(/\/$/, ''),
    workspace: values.workspace,
    key: values.key ?? env.JANE_TRAITS_KEY ?? env.ADMIN_KEY ?? keyOfInstallation(env),
    keep: values.keep,
    targets: values.targets,
  };
}

function keyOfInstallation(env: NodeJS.ProcessEnv): string | undefined {
  try {
    return readFileSync(join(env.DATA_DIR ?? '.data', 'admin-key'), 'utf8').trim();
  } catch {
    return undefined;
  }
}

const apiOf = ({ api, key, workspace }: Options): ApiClient =>
  createApiClient({
    baseUrl: api,
    ...(key === undefined ? {} : { key }),
    ...(workspace === undefined ? {} : { workspace }),
  });

/** The body of the answer; a failure becomes a message that says what could not be done. */
async function must<T>(options: Options, request: Parameters<typeof bodyOf<T>>[0], what: string): Promise<T> {
  try {
    return await bodyOf(request);
  } catch (error) {
    throw explained(options, error, what);
  }
}

function explained(options: Options, error: unknown, what: string): unknown {
  if (!(error instanceof ApiError)) return error;
  if (error.status !== 0) return new UsageError(`${what}: ${error.status} ${error.message}`);
  const cause = String(error.cause);
  return new UsageError(
    `${options.api} does not answer (${cause}). Is it running (npm start), and on this port (API_PORT)?`,
  );
}

/** Sends the consents of the shoppers, which requires a key of the workspace. */
async function sendConsents(options: Options, people: readonly PersonLine[]): Promise<void> {
  if (options.key === undefined || options.targets !== undefined || people.length === 0) return;
  const { ingest, key, workspace } = options;
  const client = createIngestClient({ baseUrl: ingest, key, ...(workspace === undefined ? {} : { workspace }) });
  try {
    await bodyOf(client.POST('/v1/people', ndjson(people)));
    console.log(`sent consents for ${count(people.length)} phones and e-mail addresses`);
  } catch (error) {
    const status = error instanceof ApiError && error.status !== 0 ? error.status : 'no answer';
    console.error(`The consents were not accepted (${status} from ${ingest})`);
  }
}

type Subscription = Pick<Schemas['SubscriptionSecrets'], 'id' | 'url' | 'bearer_token' | 'signing_secret'>;

interface Route {
  targets: Partial<Record<WebhookEvent, Target>>;
  /** The workspace that receives the webhooks, if known. */
  workspace: string | undefined;
  timeZone: string | undefined;
  remove(): Promise<void>;
}

const asTarget = (wire: Omit<Subscription, 'id'>): Target => ({
  url: wire.url,
  bearerToken: wire.bearer_token,
  signingSecret: wire.signing_secret,
});

/**
 * The workspace that receives the webhooks, and its time zone. It is created if it does not exist, unless the key belongs
 * to one workspace: then that workspace is used.
 */
async function chooseWorkspace(options: Options): Promise<{ workspace: string | undefined; timeZone?: string }> {
  const workspace = options.workspace ?? WORKSPACE;
  // Requests about workspaces themselves name none: the workspace may not exist yet.
  const api = apiOf({ ...options, workspace: undefined });
  const found = await bodyOf(api.GET('/v1/workspaces/{id}', { params: { path: { id: workspace } } })).catch(
    (error: unknown) => {
      if (error instanceof ApiError && error.status !== 0) return null;
      throw explained(options, error, `Reading the workspace ${workspace}`);
    },
  );
  if (found !== null) return { workspace, timeZone: found.time_zone };
  const timeZone = options.timeZone ?? storeTimeZone(Date.now());
  try {
    await bodyOf(api.POST('/v1/workspaces', { body: { id: workspace, name: workspace, time_zone: timeZone } }));
  } catch (error) {
    if (error instanceof ApiError && error.status === 403) return { workspace: options.workspace };
    throw explained(options, error, `Creating the workspace ${workspace}`);
  }
  console.log(`created the workspace ${workspace}`);
  return { workspace, timeZone };
}

async function openRoute(given: Options): Promise<Route> {
  if (given.targets !== undefined) {
    const wire = JSON.parse(readFileSync(given.targets, 'utf8')) as Record<string, Subscription>;
    const targets = Object.fromEntries(Object.entries(wire).map(([event, value]) => [event, asTarget(value)]));
    return { targets, workspace: undefined, timeZone: undefined, remove: async () => {} };
  }
  if (given.key === undefined)
    throw new UsageError('No key: set --key, or --targets with the secrets of existing subscriptions');
  const { workspace, timeZone } = await chooseWorkspace(given);
  const options = { ...given, workspace };
  const api = apiOf(options);
  const targets: Partial<Record<WebhookEvent, Target>> = {};
  const ids: string[] = [];
  for (const event of EVENTS) {
    const request = api.POST('/v1/subscriptions', { body: { event } });
    const made = await must(options, request, `Creating a subscription for ${event}`);
    targets[event] = asTarget(made);
    ids.push(made.id);
  }
  return {
    targets,
    workspace,
    timeZone,
    async remove() {
      if (options.keep) return;
      for (const id of ids) await api.DELETE('/v1/subscriptions/{id}', { params: { path: { id } } });
    },
  };
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US');

const some = (value: number, one: string, several = `${one}s`): string =>
  `${count(value)} ${value === 1 ? one : several}`;

/** Shows a progress bar on a terminal, and prints a line every five seconds elsewhere. */
function createReporter(total: number | null): { show(progress: SendProgress): void; end(): void } {
  const terminal = process.stderr.isTTY;
  let shownMs = 0;
  let latest: SendProgress | undefined;
  const line = (progress: SendProgress): string => {
    const perSecond = progress.elapsedMs > 0 ? (progress.done * 1_000) / progress.elapsedMs : 0;
    const rest = `${count(progress.done)}${total === null ? '' : ` of ${count(total)}`} sent, ${count(perSecond)}/s`;
    if (total === null || !terminal) return rest;
    const filled = Math.floor((progress.done / Math.max(1, total)) * 30);
    return `${'█'.repeat(filled)}${'░'.repeat(30 - filled)} ${rest}`;
  };
  const print = (progress: SendProgress): void => {
    process.stderr.write(terminal ? `\r\u001b[K${line(progress)}` : `${line(progress)}\n`);
  };
  return {
    show(progress) {
      latest = progress;
      if (progress.elapsedMs - shownMs < (terminal ? 100 : 5_000)) return;
      shownMs = progress.elapsedMs;
      print(progress);
    },
    end() {
      if (latest) print(latest);
      if (terminal) process.stderr.write('\n');
    },
  };
}

function summarise(result: SendResult): void {
  const statuses = Object.entries(result.byStatus).map(([status, times]) => `${count(times)} × ${status}`);
  console.log(`sent       ${count(result.done)} in ${(result.elapsedMs / 1_000).toFixed(1)} s`);
  console.log(`responses  ${statuses.join(', ') || 'none'}`);
  console.log(`latency    p50 ${result.latencyMs.p50.toFixed(1)} ms, p99 ${result.latencyMs.p99.toFixed(1)} ms`);
  if (result.behindMs > 100) console.log(`behind     up to ${count(result.behindMs)} ms behind the requested rate`);
  if (result.failed > 0) console.log(`failed     ${count(result.failed)} were not accepted`);
}

async function play(
  options: Options,
  route: Route,
  webhooks: Iterable<SimulatedWebhook>,
  how: { total: number | null; live: boolean; signal: AbortSignal },
): Promise<SendResult> {
  const reporter = createReporter(how.total);
  // Events without a subscription are left out.
  function* wanted(): Generator<SimulatedWebhook> {
    for (const webhook of webhooks) if (route.targets[webhook.event] !== undefined) yield webhook;
  }
  const result = await sendWebhooks({
    clock: systemClock,
    webhooks: wanted(),
    targets: route.targets as Record<WebhookEvent, Target>,
    concurrency: options.concurrency,
    ...(how.live ? { live: true } : options.live || options.rate === undefined ? {} : { rate: options.rate }),
    onProgress: reporter.show,
    signal: how.signal,
  });
  reporter.end();
  summarise(result);
  return result;
}

async function run(options: Options): Promise<number> {
  const stop = new AbortController();
  process.once('SIGINT', () => stop.abort());
  process.once('SIGTERM', () => stop.abort());
  const route = await openRoute(options);
  try {
    const timeZone = options.timeZone ?? route.timeZone;
    const day = simulateDay({
      seed: options.seed,
      endsAtMs: Date.now(),
      carts: options.carts,
      stores: options.stores,
      ...(timeZone === undefined ? {} : { timeZone }),
    });
    const { expected } = day;
    const changes = Object.values(expected.changes).reduce((sum, times) => sum + times, 0);
    console.log(
      `seed ${options.seed}: ${some(expected.carts, 'cart')} by ${some(expected.people, 'person', 'people')}`,
    );
    await sendConsents({ ...options, workspace: route.workspace }, day.people);
    const played = await play(options, route, day.webhooks, {
      total: day.webhooks.length,
      live: false,
      signal: stop.signal,
    });
    if (stop.signal.aborted) return 0;
    console.log(
      `expected   ${some(changes, 'status change')}, ${some(expected.abandonments, 'abandonment')}; ` +
        `${some(expected.open, 'cart is', 'carts are')} still open`,
    );
    if (!options.live) return played.failed > 0 ? 1 : 0;
    const rate = options.rate ?? 2;
    console.log(`\nlive: ${rate} webhooks per second on average; press Ctrl-C to stop`);
    const live = simulateLive({
      seed: options.seed,
      startsAtMs: Date.now(),
      cartsPerHour: (rate * 3_600) / WEBHOOKS_PER_CART,
      stores: options.stores,
      upcoming: day.upcoming,
    });
    await play(options, route, live, { total: null, live: true, signal: stop.signal });
    return 0;
  } finally {
    await route.remove();
  }
}

async function main(): Promise<number> {
  try {
    const options = readOptions(process.argv.slice(2), process.env);
    return await run(options);
  } catch (error) {
    const misread = error instanceof TypeError && String((error as NodeJS.ErrnoException).code).startsWith('ERR_PARSE');
    if (!(error instanceof UsageError) && !misread) throw error;
    console.error(`${(error as Error).message}\nnpm run simulate -- --help`);
    return 2;
  }
}

process.exitCode = await main();
