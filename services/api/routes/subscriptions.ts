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
import { showInstant } from '../../../lib/time/index.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onPresentVersion } from '../versions.ts';

/** How long secrets that were rotated away go on working. */
const OVERLAP_MS = 24 * 3_600_000;
/** Secrets of a subscription that work at once: each is tried on every webhook. */
const SECRETS_MAX = 10;

const settings = {
  event: z.enum(['cart_status', 'cart_activity', 'cart_abandoned']).describe('what its payloads say'),
  store_ids: z.array(z.string().min(1).max(200)).max(1000).nullable().describe('null: every store'),
  time_zone: timeZone.describe("of Jane's times without a zone"),
  verify: z.enum(['both', 'signature', 'token']).describe('what a webhook has to present'),
};

const shape = {
  id: z.string(),
  url: z.string().describe('what to register with Jane'),
  ...settings,
  ...metaSchema,
};
const subscriptionSchema = z
  .strictObject({
    ...shape,
    last_received_at: instant.nullable().describe('of the last webhook that was believed; null: none lately'),
    refused: z.record(z.string(), z.int()).describe('webhooks that were refused lately, by reason'),
  })
  .openapi('Subscription');
/** A change holds whether or not anybody can say what came lately. */
const changedSchema = z
  .strictObject({
    ...subscriptionSchema.shape,
    refused: subscriptionSchema.shape.refused.nullable().describe('null, as last_received_at: not known now'),
  })
  .openapi('ChangedSubscription');
const secretsSchema = z
  .strictObject({
    ...shape,
    bearer_token: z.string().describe('shown once'),
    signing_secret: z.string().describe('shown once'),
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
  if (stored?.workspace !== workspace) throw new HttpProblem(404, 'there is no such subscription');
  return stored;
}

/** An empty list of stores is as absent: every store. */
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

/** Those that are still valid, with an end at last. Throws 409 when there is no room beside them. */
function retired<T extends { valid_until: number | null }>(all: T[], nowMs: number): T[] {
  const valid = all
    .map((one) => ({ ...one, valid_until: one.valid_until ?? nowMs + OVERLAP_MS }))
    .filter((one) => one.valid_until > nowMs);
  if (valid.length < SECRETS_MAX) return valid;
  const next = showInstant(Math.min(...valid.map(({ valid_until }) => valid_until)));
  throw new HttpProblem(
    409,
    `${SECRETS_MAX} secrets of it still work, and they are promised 24 hours: rotate after ${next}, or make another subscription`,
  );
}

/** Without those that nobody can open any more, since they were sealed under a secret key that is lost. */
function readable({ secretKey, logger }: ApiDeps, { id, secrets }: Stored): Stored['secrets'] {
  const kept = secrets.filter(({ sealed }) => tryUnseal(secretKey, sealed, id) !== undefined);
  const dropped = secrets.length - kept.length;
  if (dropped > 0) {
    logger.warn({ subscription: id, dropped }, 'signing secrets that this secret key does not open are dropped');
  }
  return kept;
}

const common = { tag: 'subscriptions', access: 'write' } as const;
const conflict = { 409: 'somebody else changed it: If-Match names another version' };

/** Subscriptions with what came for them lately. */
async function full(deps: ApiDeps, workspace: string, subscriptions: Stored[], signal?: AbortSignal) {
  const byId = await deps.activity.read(
    workspace,
    subscriptions.map(({ id }) => id),
    signal,
  );
  return subscriptions.map((subscription) => {
    const { lastReceivedMs, refused } = byId.get(subscription.id) ?? { lastReceivedMs: null, refused: {} };
    const last_received_at = lastReceivedMs === null ? null : showInstant(lastReceivedMs);
    return { ...show(deps, subscription), last_received_at, refused };
  });
}

async function write(deps: ApiDeps, stored: Stored, version: number, body: SubscriptionBody): Promise<Stored> {
  const { workspace, id } = stored;
  const change = { entity: 'subscription', workspace, id, expectedVersion: version, body } as const;
  const after = await deps.definitions.append(change);
  if (!after) throw new HttpProblem(404, 'there is no such subscription');
  return after;
}

const create: Routes = (app, deps) => {
  addRoute(
    app,
    {
      ...common,
      method: 'post',
      path: '/v1/subscriptions',
      summary: 'Make a subscription: a URL for Jane to send webhooks to, and its secrets',
      body: newSubscription,
      answers: {
        201: { description: 'made; the secrets are shown only now', schema: secretsSchema, headers: etagHeader },
      },
    },
    async ({ body, workspace }) => {
      const id = newId('sub');
      const { shown, token, secret } = newSecrets(id, deps.secretKey);
      const stored = await deps.definitions.append({
        entity: 'subscription',
        workspace,
        id,
        expectedVersion: 0,
        body: { ...body, store_ids: stores(body.store_ids), tokens: [token], secrets: [secret] },
      });
      if (!stored) throw new Error('a subscription that was made is not there');
      return { status: 201, body: { ...show(deps, stored), ...shown }, headers: etagOf(stored.version) };
    },
  );
};

const list: Routes = (app, deps) => {
  addRoute(
    app,
    {
      ...common,
      method: 'get',
      path: '/v1/subscriptions',
      summary: 'List subscriptions',
      query: listQuery,
      answers: { 200: { description: 'a page of them', schema: listOf(subscriptionSchema) } },
    },
    async ({ c, query, workspace }) => {
      const all = deps.definitions.list('subscription', workspace);
      const page = pageOf(
        all,
        query,
        ({ id }) => id,
        (subscription) => subscription,
      );
      return { status: 200, body: { ...page, items: await full(deps, workspace, page.items, c.req.raw.signal) } };
    },
  );
};

const get: Routes = (app, deps) => {
  addRoute(
    app,
    {
      ...common,
      method: 'get',
      path: '/v1/subscriptions/{id}',
      summary: 'One subscription, with what came lately',
      params: idParams,
      answers: { 200: { description: 'the subscription', schema: subscriptionSchema, headers: etagHeader } },
    },
    async ({ c, params, workspace }) => {
      const stored = await storedOf(deps.definitions, workspace, params.id);
      const [body] = await full(deps, workspace, [stored], c.req.raw.signal);
      return { status: 200, body, headers: etagOf(stored.version) };
    },
  );
};

const change: Routes = (app, deps) => {
  addRoute(
    app,
    {
      ...common,
      method: 'patch',
      path: '/v1/subscriptions/{id}',
      summary: 'Change a subscription',
      params: idParams,
      headers: ifMatchHeader,
      body: z.strictObject(settings).partial(),
      answers: { 200: { description: 'the subscription', schema: changedSchema, headers: etagHeader } },
      problems: conflict,
    },
    async ({ c, params, body, workspace }) => {
      const after = await onPresentVersion(c, async () => {
        const stored = await storedOf(deps.definitions, workspace, params.id);
        return write(deps, stored, expectedVersion(c, stored.version), {
          ...bodyOf(stored),
          event: body.event ?? stored.event,
          store_ids: body.store_ids === undefined ? stored.store_ids : stores(body.store_ids),
          time_zone: body.time_zone ?? stored.time_zone,
          verify: body.verify ?? stored.verify,
        });
      });
      const answer = await full(deps, workspace, [after]).catch((error: unknown) => {
        deps.logger.warn({ err: error, subscription: after.id }, 'it was changed; what came lately is not known');
        return [{ ...show(deps, after), last_received_at: null, refused: null }];
      });
      return { status: 200, body: answer[0], headers: etagOf(after.version) };
    },
  );
};

const remove: Routes = (app, deps) => {
  addRoute(
    app,
    {
      ...common,
      method: 'delete',
      path: '/v1/subscriptions/{id}',
      summary: 'Take a subscription back: its webhooks are refused a second later',
      params: idParams,
      headers: ifMatchHeader,
      answers: { 204: { description: 'gone' } },
      problems: conflict,
    },
    async ({ c, params, workspace }) => {
      await onPresentVersion(c, async () => {
        const { id, version } = await storedOf(deps.definitions, workspace, params.id);
        const expected = expectedVersion(c, version);
        await deps.definitions.append({ entity: 'subscription', workspace, id, expectedVersion: expected, body: null });
      });
      return { status: 204 };
    },
  );
};

const rotate: Routes = (app, deps) => {
  addRoute(
    app,
    {
      ...common,
      method: 'post',
      path: '/v1/subscriptions/{id}/rotate',
      summary: 'Give a subscription new secrets; the old ones work for 24 hours more',
      params: idParams,
      headers: ifMatchHeader,
      body: z.strictObject({}),
      bodyOptional: true,
      answers: {
        200: { description: 'with the new secrets, shown only now', schema: secretsSchema, headers: etagHeader },
      },
      problems: { 409: `${conflict[409]}; or ${SECRETS_MAX} secrets still work, and detail says until when` },
    },
    async ({ c, params, workspace }) => {
      const { shown, token, secret } = newSecrets(params.id, deps.secretKey);
      const after = await onPresentVersion(c, async () => {
        const stored = await storedOf(deps.definitions, workspace, params.id);
        const nowMs = deps.now();
        return write(deps, stored, expectedVersion(c, stored.version), {
          ...bodyOf(stored),
          tokens: [token, ...retired(stored.tokens, nowMs)],
          secrets: [secret, ...retired(readable(deps, stored), nowMs)],
        });
      });
      return { status: 200, body: { ...show(deps, after), ...shown }, headers: etagOf(after.version) };
    },
  );
};

export const subscriptionRoutes: Routes = (app, deps) => {
  for (const add of [create, list, get, change, remove, rotate]) add(app, deps);
};
