import type { Readable } from 'node:stream';
import { Deadlines, type Clock } from '../../lib/clock/index.ts';
import { bearerOf, type Definitions, type Subscription, type Workspace } from '../../lib/definitions/index.ts';
import { HttpProblem, type Reply } from '../../lib/http/index.ts';
import { deadLetterId } from '../../lib/jane/keys.ts';
import { MAX_WEBHOOK_BYTES } from '../../lib/jane/limits.ts';
import { settingsOf } from '../../lib/jane/settings.ts';
import { INTERNAL_ERROR, Unusable } from '../../lib/jane/unusable.ts';
import { parseWebhook } from '../../lib/jane/webhook.ts';
import type { OutgoingRecord } from '../../lib/kafka/index.ts';
import type { Logger } from '../../lib/telemetry/index.ts';
import type { DeadLetter } from '../../schemas/types.ts';
import { BODY_TIMEOUT_MS, encodingOf, isJsonType, readSmallBody } from './body.ts';
import type { webhookAnswers } from './documents.ts';
import type { IngestMetrics } from './metrics.ts';
import { tooBusy, type Outbox } from './outbox.ts';
import { verifyWebhook, type Verdict } from './verify.ts';

export interface WebhookDeps {
  definitions: Pick<Definitions, 'subscription' | 'workspace' | 'fresh'>;
  outbox: Outbox;
  metrics: IngestMetrics;
  logger: Logger;
  activity: {
    received(subscription: Subscription, atMs: number): void;
    refused(subscription: Subscription, reason: string): void;
  };
  /** Largest difference between the request timestamp and receipt, either way. */
  toleranceMs: number;
  clock: Clock;
}

type WebhookReply = Reply<typeof webhookAnswers>;

/** One request, with or without the router. */
export interface WebhookRequest {
  subscriptionId: string;
  /** By its name in lower case. */
  header(name: string): string | undefined;
  body: Readable;
}

interface Received {
  body: Buffer;
  receivedAtMs: number;
  requestAtMs: number | null;
}

/** Bytes of all webhooks in flight in this process, from their first bytes on. */
const MAX_BYTES_UNDER_WAY = 64 * 1024 * 1024;
/** The same for webhooks whose headers cannot be authenticated: they take no room from the others. */
const MAX_STRANGE_BYTES_UNDER_WAY = 8 * 1024 * 1024;

interface Pool {
  readonly maxBytes: number;
  bytes: number;
}

/** Authenticates a webhook, interprets it, stores it in Kafka, and only then answers 202. */
export class WebhookReceiver {
  private readonly plausible: Pool = { maxBytes: MAX_BYTES_UNDER_WAY, bytes: 0 };
  private readonly strange: Pool = { maxBytes: MAX_STRANGE_BYTES_UNDER_WAY, bytes: 0 };

  private readonly deadlines: Deadlines;

  constructor(private readonly deps: WebhookDeps) {
    this.deadlines = new Deadlines(deps.clock, BODY_TIMEOUT_MS);
  }

  /** Throws HttpProblem for every answer but 202. */
  async receive(request: WebhookRequest): Promise<WebhookReply> {
    if (encodingOf(request.header('content-encoding')) !== undefined)
      throw new HttpProblem(415, 'a content encoding is not supported; send the body as it was signed');
    if (!isJsonType(request.header('content-type')))
      throw new HttpProblem(415, 'the content type is not JSON; send application/json');
    const { plausible, acceptedBy } = this.look(request);
    const pool = plausible ? this.plausible : this.strange;
    let reservedBytes = 0;
    const reserve = (bytes: number): void => {
      if (pool.bytes + bytes > pool.maxBytes) throw tooBusy();
      pool.bytes += bytes;
      reservedBytes += bytes;
    };
    try {
      const length = request.header('content-length');
      const body = await readSmallBody(request.body, length, MAX_WEBHOOK_BYTES, reserve, this.deadlines);
      return await this.take(request, body, acceptedBy);
    } finally {
      pool.bytes -= reservedBytes;
    }
  }

  /** What the headers show before the body arrives: the subscription, and its token or the presence of a signature. */
  private look(request: WebhookRequest): { plausible: boolean; acceptedBy?: Subscription | undefined } {
    const subscription = this.deps.definitions.subscription(request.subscriptionId);
    if (subscription === undefined) return { plausible: false };
    if (subscription.verify === 'signature') return { plausible: request.header('x-jane-signature') !== undefined };
    const token = bearerOf(request.header('authorization')) ?? '';
    const plausible = subscription.acceptsToken(token, this.deps.clock.wallMs());
    // A token that may expire before the body is here is checked again then.
    const isLasting = subscription.tokens.every(({ valid_until }) => valid_until === null);
    return { plausible, acceptedBy: plausible && isLasting ? subscription : undefined };
  }

  private async take(
    request: WebhookRequest,
    body: Buffer,
    acceptedBy: Subscription | undefined,
  ): Promise<WebhookReply> {
    const { definitions, metrics, activity, clock } = this.deps;
    const receivedAtMs = clock.wallMs();
    const presented = {
      subscriptionId: request.subscriptionId,
      token: bearerOf(request.header('authorization')),
      acceptedBy,
      signature: request.header('x-jane-signature'),
      timestamp: request.header('x-jane-request-timestamp'),
      body,
      receivedAtMs,
    };
    const verdict = await verifyWebhook(definitions, presented, this.deps.toleranceMs);
    if ('refused' in verdict) throw this.refusal(verdict);
    const { subscription, requestAtMs } = verdict;
    const workspace = definitions.workspace(subscription.workspace);
    if (workspace === undefined) throw this.refusal({ refused: 'unknown_subscription', subscription: undefined });

    const read = this.interpret(subscription, workspace, { body, receivedAtMs, requestAtMs });
    activity.received(subscription, receivedAtMs);
    if (read instanceof Unusable) return this.writeDeadLetter(subscription, read, { body, receivedAtMs, requestAtMs });
    await this.deps.outbox.send(read.record);
    metrics.deliveries.inc({ source: 'webhook', result: 'accepted', reason: '' });
    return { status: 202, body: { event_id: read.eventId } };
  }

  /** Everything between an authenticated body and its record. On any error here, the webhook is kept. */
  private interpret(
    subscription: Subscription,
    workspace: Workspace,
    { body, receivedAtMs, requestAtMs }: Received,
  ): { eventId: string; record: OutgoingRecord } | Unusable {
    try {
      const event = parseWebhook(body, {
        workspace: workspace.id,
        subscriptionId: subscription.id,
        kind: subscription.event,
        storeIds: subscription.store_ids,
        timeZone: subscription.time_zone,
        settings: settingsOf(workspace),
        requestAtMs,
        receivedAtMs,
      });
      if (event instanceof Unusable) return event;
      return { eventId: event.event_id, record: this.deps.outbox.cartEvent(event) };
    } catch (error) {
      const { id } = subscription;
      this.deps.logger.error(
        { err: error, subscription: id },
        'cannot interpret a webhook; keeping it as a dead letter',
      );
      return INTERNAL_ERROR;
    }
  }

  /** The same answer for every reason; only the owner's counters show which. */
  private refusal({ refused, subscription }: Extract<Verdict, { refused: unknown }>): HttpProblem {
    this.deps.metrics.deliveries.inc({ source: 'webhook', result: 'refused', reason: refused });
    if (subscription !== undefined) this.deps.activity.refused(subscription, refused);
    return new HttpProblem(
      401,
      'this webhook could not be authenticated: check its URL, token, signature and timestamp',
      {
        headers: { 'www-authenticate': 'Bearer' },
      },
    );
  }

  private async writeDeadLetter(subscription: Subscription, unusable: Unusable, received: Received): Promise<never> {
    const { outbox, metrics, activity } = this.deps;
    const letter: DeadLetter = {
      dead_letter_id: deadLetterId(
        ['webhook', subscription.workspace, subscription.id, received.requestAtMs],
        received.body,
      ),
      workspace: subscription.workspace,
      source: 'webhook',
      subscription_id: subscription.id,
      reason: unusable.reason,
      message: unusable.message,
      line: null,
      received_at: received.receivedAtMs,
      request_at: received.requestAtMs,
      body: received.body,
      body_truncated: false,
    };
    await outbox.send(outbox.deadLetter(letter));
    metrics.deliveries.inc({ source: 'webhook', result: 'rejected', reason: unusable.reason });
    activity.refused(subscription, unusable.reason);
    throw new HttpProblem(422, unusable.message, {
      errors: [{ path: unusable.path, message: unusable.message }],
      extensions: { dead_letter_id: letter.dead_letter_id },
    });
  }
}
