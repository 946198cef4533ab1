import { z } from '@hono/zod-openapi';
import {
  ConflictError,
  hashOf,
  newId,
  newSecret,
  type Definitions,
  type Workspace,
} from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem, listOf, listQuery, pageOf, type Principal } from '../../../lib/http/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { country, idParams, metaSchema, showMeta, timeZone, wholeNumber } from '../schemas.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onPresentVersion } from '../versions.ts';

const ID = /^[a-z0-9][a-z0-9-]{0,62}$/;

const settings = {
  name: z.string().trim().min(1).max(200),
  time_zone: timeZone.describe('days in conditions are days there'),
  abandonment_window_minutes: wholeNumber(1, 43_200),
  grace_seconds: wholeNumber(0, 3_600),
  retry_horizon_minutes: wholeNumber(0, 43_200),
  default_country: country.describe('of phones without a country code'),
  retention_days: wholeNumber(1, 36_500)
    .nullable()
    .describe('null: for ever. Kept for the workspace; rows are not deleted yet'),
};

const workspaceSchema = z.strictObject({ id: z.string(), ...settings, ...metaSchema }).openapi('Workspace');

const newWorkspace = z.strictObject({
  id: z.string().regex(ID, 'has to be 1 to 63 of a-z, 0-9 and -, not beginning with -'),
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
  keys: z.strictObject({ ingest: z.string(), read: z.string(), write: z.string() }).describe('shown once'),
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
  ...showMeta(workspace),
});

/** A key of a workspace sees its own, an admin key all of them. */
async function visible(definitions: Definitions, principal: Principal, id: string): Promise<Workspace> {
  const mine = principal.role === 'admin' || principal.workspace === id;
  const workspace = mine && ID.test(id) ? await definitions.findWorkspace(id) : undefined;
  if (!workspace) throw new HttpProblem(404, 'there is no such workspace');
  return workspace;
}

const one = { 200: { description: 'the workspace', schema: workspaceSchema, headers: etagHeader } };

const KEYS_BY = 'POST /v1/keys with X-Workspace makes its keys';

/** It may be what an attempt left behind that failed on its way: then its keys were never shown. */
const taken = (id: string): ConflictError =>
  new ConflictError(`there is already a workspace with the id ${id}; if it is yours, ${KEYS_BY}`);

async function firstKeys({ definitions, logger }: ApiDeps, workspace: string): Promise<Record<string, string>> {
  const keys: Record<string, string> = {};
  try {
    for (const role of KEY_ROLES) {
      const key = newSecret(`jt_${role}`);
      const body = { role, hash: hashOf(key) };
      await definitions.append({ entity: 'key', workspace, id: newId('key'), expectedVersion: 0, body });
      keys[role] = key;
    }
  } catch (error) {
    logger.error({ err: error, workspace }, 'a workspace was made without its first keys');
    const detail = `the workspace ${workspace} was made, its first keys were not: ${KEYS_BY}`;
    throw new HttpProblem(503, detail, { headers: { 'retry-after': '2' }, cause: error });
  }
  return keys;
}

const create: Routes = (app, deps) => {
  const { definitions } = deps;
  addRoute(
    app,
    {
      method: 'post',
      path: '/v1/workspaces',
      summary: 'Make a workspace with its first keys',
      tag: 'workspaces',
      access: 'admin',
      inWorkspace: false,
      body: newWorkspace,
      answers: { 201: { description: 'made', schema: madeSchema, headers: etagHeader } },
      description:
        'When it fails on its way (503) the workspace may be there without all of its keys: POST /v1/keys makes them.',
      problems: { 409: 'the id is taken' },
    },
    async ({ body: { id, ...body } }) => {
      // The workspace first: keys of an id that somebody else gets must never be.
      const change = { entity: 'workspace', workspace: id, id, expectedVersion: 0, body } as const;
      const workspace = await definitions.append(change).catch((error: unknown) => {
        throw error instanceof ConflictError ? taken(id) : error;
      });
      const keys = await firstKeys(deps, id);
      if (!workspace) throw new Error('a workspace that was made is not there');
      return { status: 201, body: { workspace: show(workspace), keys }, headers: etagOf(workspace.version) };
    },
  );
};

const list: Routes = (app, { definitions }) => {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/workspaces',
      summary: 'List workspaces: of an admin key all, of another its own',
      tag: 'workspaces',
      access: 'read',
      inWorkspace: false,
      query: listQuery,
      answers: { 200: { description: 'a page of them, by id', schema: listOf(workspaceSchema) } },
    },
    ({ query, principal }) => {
      const all = definitions.list('workspace');
      const own = principal.role === 'admin' ? all : all.filter(({ id }) => id === principal.workspace);
      return { status: 200, body: pageOf(own, query, ({ id }) => id, show) };
    },
  );
};

const get: Routes = (app, { definitions }) => {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/workspaces/{id}',
      summary: 'One workspace',
      tag: 'workspaces',
      access: 'read',
      inWorkspace: false,
      params: idParams,
      answers: one,
    },
    async ({ params, principal }) => {
      const workspace = await visible(definitions, principal, params.id);
      return { status: 200, body: show(workspace), headers: etagOf(workspace.version) };
    },
  );
};

const change: Routes = (app, { definitions }) => {
  addRoute(
    app,
    {
      method: 'patch',
      path: '/v1/workspaces/{id}',
      summary: 'Change a workspace',
      description: 'Settings are stamped on events at receipt: a change holds for what comes later.',
      tag: 'workspaces',
      access: 'admin',
      inWorkspace: false,
      params: idParams,
      headers: ifMatchHeader,
      body: z.strictObject(settings).partial(),
      answers: one,
      problems: { 409: 'somebody else changed it: If-Match names another version' },
    },
    async ({ c, params, body, principal }) => {
      const after = await onPresentVersion(c, async () => {
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
      if (!after) throw new HttpProblem(404, 'there is no such workspace');
      return { status: 200, body: show(after), headers: etagOf(after.version) };
    },
  );
};

export const workspaceRoutes: Routes = (app, deps) => {
  for (const add of [create, list, get, change]) add(app, deps);
};

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Without the members that are undefined. */
const defined = <T extends object>(value: T): Partial<Defined<T>> =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as Partial<Defined<T>>;
