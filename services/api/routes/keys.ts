import { z } from '@hono/zod-openapi';
import { hashOf, newId, newSecret, type Definitions, type Key } from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem, listOf, listQuery, pageOf } from '../../../lib/http/index.ts';
import { showInstant } from '../../../lib/time/index.ts';
import type { Routes } from '../deps.ts';
import { idParams, instant } from '../schemas.ts';

const role = z.enum(['ingest', 'read', 'write']);
const keySchema = z.strictObject({ id: z.string(), role, created_at: instant }).openapi('Key');
const newKeySchema = z
  .strictObject({ ...keySchema.shape, key: z.string().describe('returned only once') })
  .openapi('NewKey');

const show = (key: Key) => ({ id: key.id, role: key.role, created_at: showInstant(key.createdAt) });

async function keyOf(definitions: Definitions, workspace: string, id: string): Promise<Key> {
  const key = await definitions.find('key', id);
  if (key?.workspace !== workspace) throw new HttpProblem(404, 'no such key');
  return key;
}

export const keyRoutes: Routes = (app, { definitions }) => {
  const common = { tag: 'keys', access: 'admin' } as const;

  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/keys',
    summary: 'Create a key for the workspace',
    body: z.strictObject({ role }),
    answers: { 201: { description: 'created; the key is returned only once', schema: newKeySchema } },
  }).handle(async ({ body, workspace }) => {
    const secret = newSecret(`jt_${body.role}`);
    const key = await definitions.append({
      entity: 'key',
      workspace,
      id: newId('key'),
      expectedVersion: 0,
      body: { role: body.role, hash: hashOf(secret) },
    });
    if (!key) throw new Error('a key was created but cannot be found');
    return { status: 201, body: { ...show(key), key: secret } };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/keys',
    summary: 'List keys without their secrets',
    query: listQuery,
    answers: { 200: { description: 'a page of keys', schema: listOf(keySchema) } },
  }).handle(({ query, workspace }) => ({
    status: 200,
    body: pageOf(definitions.list('key', workspace), query, ({ id }) => id, show),
  }));

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/keys/{id}',
    summary: 'One key without its secret',
    params: idParams,
    answers: { 200: { description: 'the key', schema: keySchema } },
  }).handle(async ({ params, workspace }) => ({
    status: 200,
    body: show(await keyOf(definitions, workspace, params.id)),
  }));

  addRoute(app, {
    ...common,
    method: 'delete',
    path: '/v1/keys/{id}',
    summary: 'Delete a key; it stops working within a second',
    params: idParams,
    answers: { 204: { description: 'deleted' } },
    problems: { 409: 'a concurrent request deleted it' },
  }).handle(async ({ params, workspace }) => {
    const { id, version } = await keyOf(definitions, workspace, params.id);
    await definitions.append({ entity: 'key', workspace, id, expectedVersion: version, body: null });
    return { status: 204 };
  });
};
