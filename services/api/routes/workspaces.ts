import { z } from '@hono/zod-openapi';
import {
  ConflictError,
  DEFAULT_QUIET_HOURS,
  hashOf,
  newId,
  newSecret,
  type Definitions,
  type Workspace,
} from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem, listOf, listQuery, pageOf, type Principal } from '../../../lib/http/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { country, givenStep, idParams, metaSchema, showMeta, timeZone, wholeNumber } from '../schemas.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onCurrentVersion } from '../versions.ts';

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

const settings = {
  name: z.string().trim().min(1).max(200),
  time_zone: timeZone.describe('zone of the days in conditions'),
  abandonment_window_minutes: wholeNumber(1, 43_200),
  grace_seconds: wholeNumber(0, 3_600),
  retry_horizon_minutes: wholeNumber(0, 43_200),
  default_country: country.describe('country of phone numbers without a country code'),
  retention_days: wholeNumber(1, 36_500)
    .nullable()
    .describe('null: forever. The value is stored; rows are not deleted yet'),
};

const localTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a local time such as 09:00');

/** What a key with the role write may change. */
const flowSettings = {
  frequency_cap: z
    .strictObject({ count: wholeNumber(1, 1_000), per: givenStep })
    .nullable()
    .describe('maximum of marketing messages per person, per address and channel in a rolling window; null: no limit'),
  quiet_hours: z
    .strictObject({
      from: localTime.default(DEFAULT_QUIET_HOURS.from),
      to: localTime.default(DEFAULT_QUIET_HOURS.to),
      channels: z
        .array(z.enum(['sms', 'email']))
        .max(2)
        .default(DEFAULT_QUIET_HOURS.channels),
    })
    .refine(({ from, to }) => from !== to, {
      path: ['to'],
      message: 'must not equal "from": nothing could ever be sent',
    })
    .describe('marketing messages of these channels leave when from ≤ local time < to, also over midnight'),
};

const workspaceSchema = z
  .strictObject({ id: z.string(), ...settings, ...flowSettings, ...metaSchema })
  .openapi('Workspace');

const newWorkspace = z.strictObject({
  id: z.string().regex(ID, 'must be 1 to 63 characters of a-z, 0-9 and -, not starting with -'),
  name: settings.name,
  time_zone: settings.time_zone,
  abandonment_window_minutes: settings.abandonment_window_minutes.default(30),
  grace_seconds: settings.grace_seconds.default(60),
  retry_horizon_minutes: settings.retry_horizon_minutes.default(15),
  default_country: settings.default_country.default('US'),
  retention_days: settings.retention_days.default(null),
});

const madeSchema = z.strictObject({
  workspace: workspaceSchema,
  keys: z.strictObject({ ingest: z.string(), read: z.string(), write: z.string() }).describe('returned only once'),
});

const KEY_ROLES = ['ingest', 'read', 'write'] as const;

const show = (workspace: Workspace) => ({
  id: workspace.id,
  name: workspace.name,
  time_zone: workspace.time_zone,
  abandonment_window_minutes: workspace.abandonment_window_minutes,
  grace_seconds: workspace.grace_seconds,
  retry_horizon_minutes: workspace.retry_horizon_minutes,
  default_country: workspace.default_country,
  retention_days: workspace.retention_days,
  frequency_cap: workspace.frequency_cap ?? null,
  quiet_hours: workspace.quiet_hours ?? DEFAULT_QUIET_HOURS,
  ...showMeta(workspace),
});

/** A workspace key sees its own workspace, an admin key all of them. */
async function visible(definitions: Definitions, principal: Principal, id: string): Promise<Workspace> {
  const mine = principal.role === 'admin' || principal.workspace === id;
  const workspace = mine && ID.test(id) ? await definitions.findWorkspace(id) : undefined;
  if (!workspace) throw new HttpProblem(404, 'no such workspace');
  return workspace;
}

const one = { 200: { description: 'the workspace', schema: workspaceSchema, headers: etagHeader } };

const KEYS_BY = 'create its keys with POST /v1/keys and X-Workspace';

/** The id may come from a request that failed half-way, whose keys were never returned. */
const taken = (id: string): ConflictError =>
  new ConflictError(`a workspace with the id ${id} exists already; if it is yours, ${KEYS_BY}`);

type FirstKeys = Record<(typeof KEY_ROLES)[number], string>;

async function firstKeys({ definitions, logger }: ApiDeps, workspace: string): Promise<FirstKeys> {
  const keys: FirstKeys = { ingest: '', read: '', write: '' };
  try {
    for (const role of KEY_ROLES) {
      const key = newSecret(`jt_${role}`);
      const body = { role, hash: hashOf(key) };
      await definitions.append({ entity: 'key', workspace, id: newId('key'), expectedVersion: 0, body });
      keys[role] = key;
    }
  } catch (error) {
    logger.error({ err: error, workspace }, 'created a workspace, but could not create its first keys; answering 503');
    const detail = `the workspace ${workspace} was created, but not its first keys; ${KEYS_BY}`;
    throw new HttpProblem(503, detail, { headers: { 'retry-after': '2' }, cause: error });
  }
  return keys;
}

const create: Routes = (app, deps) => {
  const { definitions } = deps;
  addRoute(app, {
    method: 'post',
    path: '/v1/workspaces',
    summary: 'Create a workspace with its first keys',
    tag: 'workspaces',
    access: 'admin',
    inWorkspace: false,
    body: newWorkspace,
    answers: { 201: { description: 'created', schema: madeSchema, headers: etagHeader } },
    description: 'After a 503 the workspace may exist without all of its keys; create them with POST /v1/keys.',
    problems: { 409: 'the id is taken' },
  }).handle(async ({ body: { id, ...body } }) => {
    // The workspace comes first: keys must not exist for an id that another request may still take.
    const change = { entity: 'workspace', workspace: id, id, expectedVersion: 0, body } as const;
    const workspace = await definitions.append(change).catch((error: unknown) => {
      throw error instanceof ConflictError ? taken(id) : error;
    });
    const keys = await firstKeys(deps, id);
    if (!workspace) throw new Error('a workspace was created but cannot be found');
    return { status: 201, body: { workspace: show(workspace), keys }, headers: etagOf(workspace.version) };
  });
};

const list: Routes = (app, { definitions }) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/workspaces',
    summary: 'List workspaces: all with an admin key, otherwise the own one',
    tag: 'workspaces',
    access: 'read',
    inWorkspace: false,
    query: listQuery,
    answers: { 200: { description: 'a page of workspaces, ordered by id', schema: listOf(workspaceSchema) } },
  }).handle(({ query, principal }) => {
    const all = definitions.list('workspace');
    const own = principal.role === 'admin' ? all : all.filter(({ id }) => id === principal.workspace);
    return { status: 200, body: pageOf(own, query, ({ id }) => id, show) };
  });
};

const get: Routes = (app, { definitions }) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/workspaces/{id}',
    summary: 'One workspace',
    tag: 'workspaces',
    access: 'read',
    inWorkspace: false,
    params: idParams,
    answers: one,
  }).handle(async ({ params, principal }) => {
    const workspace = await visible(definitions, principal, params.id);
    return { status: 200, body: show(workspace), headers: etagOf(workspace.version) };
  });
};

const change: Routes = (app, { definitions }) => {
  addRoute(app, {
    method: 'patch',
    path: '/v1/workspaces/{id}',
    summary: 'Change a workspace',
    description:
      'Settings are recorded with each event at receipt, so a change applies to later events only. A key with the role write may change frequency_cap and quiet_hours of its workspace; the others need an admin key.',
    tag: 'workspaces',
    access: 'write',
    inWorkspace: false,
    params: idParams,
    headers: ifMatchHeader,
    body: z.strictObject({ ...settings, ...flowSettings }).partial(),
    answers: one,
    problems: { 409: 'a concurrent change was made: If-Match does not name the current version' },
  }).handle(async ({ c, params, body, principal }) => {
    const needsAdmin = Object.keys(body).filter((key) => !Object.hasOwn(flowSettings, key));
    if (principal.role !== 'admin' && needsAdmin.length > 0) {
      throw new HttpProblem(403, `changing ${needsAdmin.join(', ')} needs an admin key`);
    }
    const after = await onCurrentVersion(c, async () => {
      const before = await visible(definitions, principal, params.id);
      const { id, workspace, version, createdAt, updatedAt, ...values } = before;
      void [createdAt, updatedAt];
      return definitions.append({
        entity: 'workspace',
        workspace,
        id,
        expectedVersion: expectedVersion(c, version),
        body: { ...values, ...defined(body) },
      });
    });
    if (!after) throw new HttpProblem(404, 'no such workspace');
    return { status: 200, body: show(after), headers: etagOf(after.version) };
  });
};

export const workspaceRoutes: Routes = (app, deps) => {
  for (const add of [create, list, get, change]) add(app, deps);
};

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
const defined = <T extends object>(value: T): Partial<Defined<T>> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<Defined<T>>;
