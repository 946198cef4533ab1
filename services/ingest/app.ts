import type { IncomingMessage } from 'node:http';
import type { Context } from 'hono';
import type { Clock } from '../../lib/clock/index.ts';
import { authenticate, type Definitions } from '../../lib/definitions/index.ts';
import {
  addRoute,
  createApp,
  HttpProblem,
  problemFor,
  requireAccess,
  requireWorkspace,
  toResponse,
  type AnyReply,
  type App,
  type Reply,
} from '../../lib/http/index.ts';
import { parseLine } from '../../lib/jane/line.ts';
import { parsePersonLine } from '../../lib/jane/person.ts';
import { settingsOf, type LineContext } from '../../lib/jane/settings.ts';
import { Unusable } from '../../lib/jane/unusable.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import type { Logger, Metrics } from '../../lib/telemetry/index.ts';
import type { Activity, SubscriptionActivity } from './activity.ts';
import { bodyStream, encodingOf } from './body.ts';
import { takeBulk, type BulkLimits } from './bulk.ts';
import { DECODE_LIMITS } from './decode.ts';
import { activitySchema, documentBulk, documentWebhooks, type bulkAnswers } from './documents.ts';
import { INGEST_ERRORS } from './errors.ts';
import type { ImportPacer } from './import-pacer.ts';
import type { IngestMetrics } from './metrics.ts';
import { tooBusy, type Outbox } from './outbox.ts';
import { WebhookReceiver, type WebhookRequest } from './webhooks.ts';

export interface IngestDeps {
  definitions: Pick<Definitions, 'subscription' | 'workspace' | 'fresh' | 'findKey' | 'findWorkspace'>;
  outbox: Outbox;
  activity: Activity;
  /** What all processes of ingest have counted for the subscriptions. */
  allActivity: () => SubscriptionActivity[];
  metrics: IngestMetrics;
  /** All of the process, as `/metrics` shows them. */
  allMetrics: Pick<Metrics, 'contentType' | 'metrics'>;
  logger: Logger;
  adminKey: string;
  /** How far a webhook's request timestamp may be from receipt, either way. */
  toleranceMs: number;
  /** Maximum number of concurrent bulk bodies. */
  maxBulkBodies: number;
  bulkLimits?: BulkLimits;
  /** Holds back imports while the stages behind them are busy. */
  pacer?: ImportPacer | undefined;
  clock: Clock;
  ready: () => boolean | Promise<boolean>;
}

/** The HTTP surface of ingest: `app` is all of it, `fetch` the same with a short way for webhooks. */
export interface IngestApp {
  app: App;
  fetch(request: Request, env?: unknown): Response | Promise<Response>;
}

export function createIngestApp(deps: IngestDeps): IngestApp {
  const app = createApp({
    title: 'Jane Traits: ingest',
    description: 'Takes in webhooks of Jane, bulk imports of events and records of people. Every 2xx is durable.',
    logger: deps.logger,
    clock: deps.clock,
    errors: INGEST_ERRORS,
    authenticate: (headers) => authenticate(deps.definitions, deps.adminKey, headers),
  });
  const webhooks = new WebhookReceiver(deps);
  documentWebhooks(app);
  const receive = (request: WebhookRequest): Promise<Response> =>
    timed(deps, 'webhook', async () => {
      const response = await webhooks.receive(request);
      // Strangers slow nothing down.
      if (response.status === 202) deps.pacer?.noteWebhook();
      return response;
    });
  app.post('/v1/webhooks/jane/:subscription', (c) =>
    receive({
      subscriptionId: c.req.param('subscription'),
      header: (name) => c.req.header(name),
      body: bodyStream(c),
    }),
  );
  const bulk = new BulkReceiver(deps);
  for (const source of ['events', 'people'] as const) {
    documentBulk(app, source);
    app.post(`/v1/${source}`, (c) => timed(deps, source, () => bulk.receive(c, source)));
  }
  addRoute(app, {
    method: 'get',
    path: '/activity',
    summary: 'Recent activity of each subscription',
    description:
      'For services/api, with an admin key. Counts since each process started, summed over all processes; those of an ended process are kept for about 30 days.',
    tag: 'operations',
    access: 'admin',
    inWorkspace: false,
    answers: { 200: { description: 'the subscriptions that received anything', schema: activitySchema } },
  }).handle(() => ({ status: 200, body: deps.allActivity() }));
  app.get('/healthz', (c) => c.json({ status: 'ok' }));
  app.get('/readyz', async (c) => {
    const ready = await deps.ready();
    return c.json({ status: ready ? 'ready' : 'not ready' }, ready ? 200 : 503);
  });
  // GET /v1/status names this address as where ingest answers all three.
  app.get('/metrics', async (c) => {
    const { contentType } = deps.allMetrics;
    return c.body(await deps.allMetrics.metrics(), 200, { 'content-type': contentType });
  });
  return { app, fetch: shortWay(app, receive) };
}

const WEBHOOKS = '/v1/webhooks/jane/';

/** Webhooks past the router, straight from the socket: a third more of them for each second of the processor. */
function shortWay(app: App, receive: (request: WebhookRequest) => Promise<Response>): IngestApp['fetch'] {
  return (request, env) => {
    const incoming = (env as { incoming?: IncomingMessage } | undefined)?.incoming;
    const path = incoming?.url;
    if (incoming?.method !== 'POST' || path?.startsWith(WEBHOOKS) !== true) return app.fetch(request, env as object);
    const subscriptionId = path.slice(WEBHOOKS.length);
    // Anything that is not plainly an id takes the slow path.
    if (!/^\w+$/.test(subscriptionId)) return app.fetch(request, env as object);
    const header = (name: string): string | undefined => incoming.headers[name] as string | undefined;
    return receive({ subscriptionId, header, body: incoming });
  };
}

/** Measures a route, errors too, and answers with them. */
async function timed(deps: IngestDeps, route: string, handle: () => Promise<AnyReply>): Promise<Response> {
  const { clock, logger } = deps;
  const startMs = clock.elapsedMs();
  const response = await handle().then(toResponse, (error: unknown) => {
    const problem = problemFor(error, { logger, errors: INGEST_ERRORS }, { route });
    if (problem.status === 429 || problem.status === 503)
      deps.metrics.deliveries.inc({ source: route, result: 'failed', reason: String(problem.status) });
    return problem.toResponse();
  });
  deps.metrics.seconds.observe({ route, status: response.status }, (clock.elapsedMs() - startMs) / 1000);
  return response;
}

type Read = (line: Buffer, context: LineContext) => OutgoingRecord | Unusable;

/** Accepts bulk bodies from every caller with a key. */
class BulkReceiver {
  private underWay = 0;
  private readonly underWayOf = new Map<string, number>();
  private readonly read: Record<'events' | 'people', Read>;

  constructor(private readonly deps: IngestDeps) {
    const { outbox } = deps;
    this.read = {
      events: (line, context) => {
        const event = parseLine(line, context);
        return event instanceof Unusable ? event : outbox.cartEvent(event);
      },
      people: (line, context) => {
        const input = parsePersonLine(line, context);
        return input instanceof Unusable ? input : outbox.personInput(input);
      },
    };
  }

  async receive(c: Context, source: 'events' | 'people'): Promise<Reply<typeof bulkAnswers>> {
    const { deps } = this;
    const principal = await authenticate(deps.definitions, deps.adminKey, c.req.raw.headers);
    requireAccess(principal, 'ingest');
    const workspace = requireWorkspace(principal);
    const encoding = encodingOf(c.req.header('content-encoding'));
    if (encoding !== undefined && encoding !== 'gzip' && encoding !== 'x-gzip')
      throw new HttpProblem(415, 'this content encoding is not supported; send gzip or plain text');
    const maxBytes = (deps.bulkLimits?.decode ?? DECODE_LIMITS).maxWireBytes;
    if (Number(c.req.header('content-length') ?? 0) > maxBytes)
      throw new HttpProblem(413, `the body is larger than ${maxBytes} bytes; split it`);
    this.begin(workspace);
    try {
      const body = await takeBulk({
        source,
        body: bodyStream(c),
        declaredGzip: encoding !== undefined,
        workspace,
        settings: () => this.settings(workspace),
        read: this.read[source],
        outbox: deps.outbox,
        pacer: deps.pacer,
        metrics: deps.metrics,
        logger: deps.logger,
        clock: deps.clock,
        ...(deps.bulkLimits ? { limits: deps.bulkLimits } : {}),
      });
      return { status: 200, body };
    } finally {
      this.finish(workspace);
    }
  }

  /** One workspace takes half of the places at most, so that none shuts the others out. */
  private begin(workspace: string): void {
    const { maxBulkBodies } = this.deps;
    const own = this.underWayOf.get(workspace) ?? 0;
    if (this.underWay >= maxBulkBodies || own >= Math.ceil(maxBulkBodies / 2)) throw tooBusy(5);
    this.underWay++;
    this.underWayOf.set(workspace, own + 1);
  }

  private finish(workspace: string): void {
    this.underWay--;
    const left = (this.underWayOf.get(workspace) ?? 0) - 1;
    if (left > 0) this.underWayOf.set(workspace, left);
    else this.underWayOf.delete(workspace);
  }

  private settings(workspace: string): ReturnType<typeof settingsOf> {
    const found = this.deps.definitions.workspace(workspace);
    if (found === undefined) throw new HttpProblem(404, 'the workspace no longer exists');
    return settingsOf(found);
  }
}
