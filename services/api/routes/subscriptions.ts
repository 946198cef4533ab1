import { z } from '@hono/zod-openapi';
import {
  hashOf,
  newId,
  newSecret,
  seal,
  tryUnseal,
  type Definitions,
  type Folded,
  type SubscriptionBody,
} from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem, listOf, listQuery, pageOf } from '../../../lib/http/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { idParams, instant, metaSchema, showMeta, timeZone } from '../schemas.ts';
import { showInstant, showInstantOrNull } from '../../../lib/time/index.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onCurrentVersion } from '../versions.ts';

/** How long secrets stay valid after a rotation. */
const OVERLAP_MS = 24 * 3_600_000;
/** Valid secrets of a subscription at once; each is tried on every webhook. */
const SECRETS_MAX = 10;

const settings = {
  event: z.enum(['cart_status', 'cart_activity', 'cart_abandoned']).describe('kind of event in its payloads'),
  store_ids: z.array(z.string().min(1).max(200)).max(1000).nullable().describe('stores that it covers; null for all'),
  time_zone: timeZone.describe('zone of times that Jane sends without one'),
  verify: z.enum(['both', 'signature', 'token']).describe('how webhooks are authenticated'),
};

const shape = {
  id: z.string(),
  url: z.string().describe('URL to register with Jane'),
  ...settings,
  ...metaSchema,
};
const subscriptionSchema = z
  .strictObject({
    ...shape,
    last_received_at: instant.nullable().describe('time of the last authenticated webhook; null without a recent one'),
    refused: z.record(z.string(), z.int()).describe('number of recently refused webhooks by reason'),
  })
  .openapi('Subscription');
/** A change is answered even while recent webhooks are unknown. */
const changedSchema = z
  .strictObject({
    ...subscriptionSchema.shape,
    refused: subscriptionSchema.shape.refused.nullable().describe('null, like last_received_at, while unknown'),
  })
  .openapi('ChangedSubscription');
const secretsSchema = z
  .strictObject({
    ...shape,
    bearer_token: z.string().describe('returned only once'),
    signing_secret: z.string().describe('returned only once'),
  })
  .openapi('SubscriptionSecrets');

const newSubscription = z.strictObject({
  event: settings.event,
  store_ids: settings.store_ids.default(null),
  time_zone: settings.time_zone.default('UTC'),
  verify: settings.verify.default('both'),
});

type Stored = Folded<'subscription'>;

const show = (deps: ApiDeps, subscription: Stored) => ({
  id: subscription.id,
  url: `${deps.ingestUrl}/v1/webhooks/jane/${subscription.id}`,
  event: subscription.event,
  store_ids: subscription.store_ids,
  time_zone: subscription.time_zone,
  verify: subscription.verify,
  ...showMeta(subscription),
});

async function storedOf(definitions: Definitions, workspace: string, id: string): Promise<Stored> {
  const stored = await definitions.find('subscription', id);
  if (stored?.workspace !== workspace) throw new HttpProblem(404, 'no such subscription');
  return stored;
}

/** An empty list of stores means all stores. */
const stores = (ids: string[] | null): string[] | null => (ids && ids.length > 0 ? [...new Set(ids)] : null);

function newSecrets(id: string, secretKey: Buffer) {
  const token = newSecret('jt_token');
  const secret = newSecret('jt_secret');
  return {
    shown: { bearer_token: token, signing_secret: secret },
    token: { hash: hashOf(token), valid_until: null },
    secret: { sealed: seal(secretKey, secret, id), valid_until: null },
  };
}

const bodyOf = (stored: Stored): SubscriptionBody => ({
  event: stored.event,
  store_ids: stored.store_ids,
  time_zone: stored.time_zone,
  verify: stored.verify,
  tokens: stored.tokens,
  secrets: stored.secrets,
});

/** The secrets that are still valid, each with an end now. Throws 409 when there are too many of them. */
function retired<T extends { valid_until: number | null }>(all: T[], nowMs: number): T[] {
  const valid = all
    .map((one) => ({ ...one, valid_until: one.valid_until ?? nowMs + OVERLAP_MS }))
    .filter((one) => one.valid_until > nowMs);
  if (valid.length < SECRETS_MAX) return valid;
  const next = showInstant(Math.min(...valid.map(({ valid_until }) => valid_until)));
  throw new HttpProblem(
    409,
    `${SECRETS_MAX} secrets of this subscription are still valid, each for 24 hours after its rotation; rotate after ${next}, or create another subscription`,
  );
}

/** Drops secrets that cannot be decrypted, because the key that encrypted them is lost. */
function readable({ secretKey, logger }: ApiDeps, { id, secrets }: Stored): Stored['secrets'] {
  const kept = secrets.filter(({ sealed }) => tryUnseal(secretKey, sealed, id) !== undefined);
  const dropped = secrets.length - kept.length;
  if (dropped > 0) {
    logger.warn(
      { subscription: id, dropped },
      'dropping signing secrets that cannot be decrypted with the current SECRET_KEY',
    );
  }
  return kept;
}

const common = { tag: 'subscriptions', access: 'write' } as const;
const conflict = { 409: 'a concurrent change was made: If-Match does not name the current version' };

/** Reads the recent webhooks of these subscriptions; returns how to show one of them with its own. */
async function readActivity(deps: ApiDeps, workspace: string, subscriptions: Stored[], signal?: AbortSignal) {
  const byId = await deps.activity.read(
    workspace,
    subscriptions.map(({ id }) => id),
    signal,
  );
  return (subscription: Stored) => {
    const { lastReceivedMs, refused } = byId.get(subscription.id) ?? { lastReceivedMs: null, refused: {} };
    const last_received_at = showInstantOrNull(lastReceivedMs);
    return { ...show(deps, subscription), last_received_at, refused };
  };
}

async function write(deps: ApiDeps, stored: Stored, version: number, body: SubscriptionBody): Promise<Stored> {
  const { workspace, id } = stored;
  const change = { entity: 'subscription', workspace, id, expectedVersion: version, body } as const;
  const after = await deps.definitions.append(change);
  if (!after) throw new HttpProblem(404, 'no such subscription');
  return after;
}

const create: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/subscriptions',
    summary: 'Create a subscription: a URL that Jane sends webhooks to, and its secrets',
    body: newSubscription,
    answers: {
      201: { description: 'created; the secrets are returned only once', schema: secretsSchema, headers: etagHeader },
    },
  }).handle(async ({ body, workspace }) => {
    const id = newId('sub');
    const { shown, token, secret } = newSecrets(id, deps.secretKey);
    const stored = await deps.definitions.append({
      entity: 'subscription',
      workspace,
      id,
      expectedVersion: 0,
      body: { ...body, store_ids: stores(body.store_ids), tokens: [token], secrets: [secret] },
    });
    if (!stored) throw new Error('a subscription was created but cannot be found');
    return { status: 201, body: { ...show(deps, stored), ...shown }, headers: etagOf(stored.version) };
  });
};

const list: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/subscriptions',
    summary: 'List subscriptions',
    query: listQuery,
    answers: { 200: { description: 'a page of subscriptions', schema: listOf(subscriptionSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const all = deps.definitions.list('subscription', workspace);
    const page = pageOf(
      all,
      query,
      ({ id }) => id,
      (subscription) => subscription,
    );
    const showFull = await readActivity(deps, workspace, page.items, c.req.raw.signal);
    return { status: 200, body: { ...page, items: page.items.map(showFull) } };
  });
};

const get: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/subscriptions/{id}',
    summary: 'One subscription with its recent webhooks',
    params: idParams,
    answers: { 200: { description: 'the subscription', schema: subscriptionSchema, headers: etagHeader } },
  }).handle(async ({ c, params, workspace }) => {
    const stored = await storedOf(deps.definitions, workspace, params.id);
    const showFull = await readActivity(deps, workspace, [stored], c.req.raw.signal);
    return { status: 200, body: showFull(stored), headers: etagOf(stored.version) };
  });
};

const change: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'patch',
    path: '/v1/subscriptions/{id}',
    summary: 'Change a subscription',
    params: idParams,
    headers: ifMatchHeader,
    body: z.strictObject(settings).partial(),
    answers: { 200: { description: 'the subscription', schema: changedSchema, headers: etagHeader } },
    problems: conflict,
  }).handle(async ({ c, params, body, workspace }) => {
    const after = await onCurrentVersion(c, async () => {
      const stored = await storedOf(deps.definitions, workspace, params.id);
      return write(deps, stored, expectedVersion(c, stored.version), {
        ...bodyOf(stored),
        event: body.event ?? stored.event,
        store_ids: body.store_ids === undefined ? stored.store_ids : stores(body.store_ids),
        time_zone: body.time_zone ?? stored.time_zone,
        verify: body.verify ?? stored.verify,
      });
    });
    const showFull = await readActivity(deps, workspace, [after]).catch((error: unknown) => {
      const message = 'subscription changed, but its recent webhooks cannot be read; answering without them';
      deps.logger.warn({ err: error, subscription: after.id }, message);
      return (subscription: Stored) => ({ ...show(deps, subscription), last_received_at: null, refused: null });
    });
    return { status: 200, body: showFull(after), headers: etagOf(after.version) };
  });
};

const remove: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'delete',
    path: '/v1/subscriptions/{id}',
    summary: 'Delete a subscription; its webhooks are refused within a second',
    params: idParams,
    headers: ifMatchHeader,
    answers: { 204: { description: 'deleted' } },
    problems: conflict,
  }).handle(async ({ c, params, workspace }) => {
    await onCurrentVersion(c, async () => {
      const { id, version } = await storedOf(deps.definitions, workspace, params.id);
      const expected = expectedVersion(c, version);
      await deps.definitions.append({ entity: 'subscription', workspace, id, expectedVersion: expected, body: null });
    });
    return { status: 204 };
  });
};

const rotate: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/subscriptions/{id}/rotate',
    summary: 'Rotate the secrets of a subscription; the old ones stay valid for 24 hours',
    params: idParams,
    headers: ifMatchHeader,
    body: z.strictObject({}),
    bodyOptional: true,
    answers: {
      200: {
        description: 'the subscription with its new secrets, which are returned only once',
        schema: secretsSchema,
        headers: etagHeader,
      },
    },
    problems: { 409: `${conflict[409]}; or ${SECRETS_MAX} secrets are still valid, and \`detail\` says until when` },
  }).handle(async ({ c, params, workspace }) => {
    const { shown, token, secret } = newSecrets(params.id, deps.secretKey);
    const after = await onCurrentVersion(c, async () => {
      const stored = await storedOf(deps.definitions, workspace, params.id);
      const nowMs = deps.clock.wallMs();
      return write(deps, stored, expectedVersion(c, stored.version), {
        ...bodyOf(stored),
        tokens: [token, ...retired(stored.tokens, nowMs)],
        secrets: [secret, ...retired(readable(deps, stored), nowMs)],
      });
    });
    return { status: 200, body: { ...show(deps, after), ...shown }, headers: etagOf(after.version) };
  });
};

export const subscriptionRoutes: Routes = (app, deps) => {
  for (const add of [create, list, get, change, remove, rotate]) add(app, deps);
};
