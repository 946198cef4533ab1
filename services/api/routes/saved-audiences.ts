import { z } from '@hono/zod-openapi';
import {
  LIVE_AUDIENCES_MAX,
  newId,
  type AudienceBody,
  type Definitions,
  type SavedAudience,
} from '../../../lib/definitions/index.ts';
import { addRoute, decodeCursor, HttpProblem, listOf, listQuery, pageOf, pageOfRows } from '../../../lib/http/index.ts';
import { showInstant } from '../../../lib/time/index.ts';
import { QUESTION_MAX_BYTES } from '../audience-question.ts';
import { audienceSchema } from '../audience-schema.ts';
import type { AudienceSize } from '../audience-sizes.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { idParams, instant, metaSchema, showMeta } from '../schemas.ts';
import { etagHeader, etagOf, expectedVersion, ifMatchHeader, onCurrentVersion, requiredVersion } from '../versions.ts';

const settings = {
  name: z.string().trim().min(1).max(200),
  audience: audienceSchema,
  description: z.string().max(2_000).nullable(),
  include_anonymous: z.boolean().describe('whether anonymous people can be members'),
  live: z
    .boolean()
    .describe(
      `people who enter or leave are reported; at most ${LIVE_AUDIENCES_MAX} audiences of a workspace can be live`,
    ),
};

const request = z.strictObject({
  name: settings.name,
  audience: settings.audience,
  description: settings.description.default(null),
  include_anonymous: settings.include_anonymous.default(false),
  live: settings.live.default(false),
});

const versionSchema = z.strictObject({ id: z.string(), ...settings, ...metaSchema }).openapi('AudienceVersion');

const size = z
  .strictObject({ count: z.int(), reachable: z.strictObject({ sms: z.int(), email: z.int() }), at: instant })
  .openapi('AudienceSize');
const savedSchema = z
  .strictObject({
    ...versionSchema.shape,
    size: size
      .nullable()
      .describe('the members of a live audience after its last change, at that time; null if the audience is not live'),
  })
  .openapi('SavedAudience');

export const showVersion = (saved: SavedAudience) => ({
  id: saved.id,
  name: saved.name,
  audience: saved.audience,
  description: saved.description,
  include_anonymous: saved.include_anonymous,
  live: saved.live,
  ...showMeta(saved),
});

const NOBODY = { count: 0, reachable: { sms: 0, email: 0 } } as const;

const showSize = ({ count, reachable, atMs }: AudienceSize): z.output<typeof size> => ({
  count,
  reachable,
  at: showInstant(atMs),
});

/** Throws HttpProblem 404 when the audience does not exist, or belongs to another workspace. */
export async function savedAudience(definitions: Definitions, workspace: string, id: string): Promise<SavedAudience> {
  const saved = await definitions.find('audience', id);
  if (saved?.workspace !== workspace) throw new HttpProblem(404, 'no such audience');
  return saved;
}

/** Shows audiences with their sizes. */
async function show(deps: ApiDeps, workspace: string, all: readonly SavedAudience[], signal?: AbortSignal) {
  const live = all.filter((saved) => saved.live).map(({ id }) => id);
  const sizes = live.length > 0 ? await deps.sizes.read(workspace, live, signal) : new Map<string, AudienceSize>();
  // A live audience without any change so far has no members.
  const nobody = ({ updatedAt }: SavedAudience): AudienceSize => ({ ...NOBODY, atMs: updatedAt });
  return (saved: SavedAudience) => ({
    ...showVersion(saved),
    size: saved.live ? showSize(sizes.get(saved.id) ?? nobody(saved)) : null,
  });
}

interface Writing {
  workspace: string;
  id: string;
  expectedVersion: number;
  body: AudienceBody;
}

/** Writes an audience. Throws ConflictError and TooManyLiveAudiencesError. */
async function write({ definitions }: ApiDeps, writing: Writing): Promise<SavedAudience> {
  const saved = await definitions.append({ entity: 'audience', ...writing });
  if (!saved) throw new Error('an audience was written but cannot be found');
  return saved;
}

const common = { tag: 'audiences' } as const;
const one = { description: 'the audience', schema: savedSchema, headers: etagHeader };
const isTaken = `the version is not the current one, or ${LIVE_AUDIENCES_MAX} audiences of the workspace are already live`;

function changes(app: Parameters<Routes>[0], deps: ApiDeps): void {
  const { definitions } = deps;

  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/audiences',
    summary: 'Save an audience',
    access: 'write',
    body: request,
    bodyMaxBytes: QUESTION_MAX_BYTES,
    answers: { 201: { ...one, description: 'saved' } },
    problems: { 409: `${LIVE_AUDIENCES_MAX} audiences of the workspace are already live` },
  }).handle(async ({ body, workspace }) => {
    const saved = await write(deps, { workspace, id: newId('aud'), expectedVersion: 0, body });
    const shown = await show(deps, workspace, [saved]);
    return { status: 201, body: shown(saved), headers: etagOf(saved.version) };
  });

  addRoute(app, {
    ...common,
    method: 'put',
    path: '/v1/audiences/{id}',
    summary: 'Replace an audience',
    description: 'Replaces the whole audience and always creates a new version. Requires If-Match.',
    access: 'write',
    params: idParams,
    headers: ifMatchHeader,
    body: request,
    bodyMaxBytes: QUESTION_MAX_BYTES,
    answers: { 200: one },
    problems: { 409: isTaken, 428: 'If-Match is missing' },
  }).handle(async ({ c, params: { id }, body, workspace }) => {
    const saved = await onCurrentVersion(c, async () => {
      const { version } = await savedAudience(definitions, workspace, id);
      return write(deps, { workspace, id, expectedVersion: requiredVersion(c, version), body });
    });
    const shown = await show(deps, workspace, [saved]);
    return { status: 200, body: shown(saved), headers: etagOf(saved.version) };
  });

  addRoute(app, {
    ...common,
    method: 'delete',
    path: '/v1/audiences/{id}',
    summary: 'Delete an audience',
    access: 'write',
    params: idParams,
    headers: ifMatchHeader,
    answers: { 204: { description: 'deleted' } },
    problems: { 409: 'a concurrent change was made: If-Match does not name the current version' },
  }).handle(async ({ c, params: { id }, workspace }) => {
    await onCurrentVersion(c, async () => {
      const { version } = await savedAudience(definitions, workspace, id);
      const expected = expectedVersion(c, version);
      await definitions.append({ entity: 'audience', workspace, id, expectedVersion: expected, body: null });
    });
    return { status: 204 };
  });
}

function reads(app: Parameters<Routes>[0], deps: ApiDeps): void {
  const { definitions } = deps;

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/audiences',
    summary: 'List audiences',
    access: 'read',
    query: listQuery,
    answers: { 200: { description: 'a page of audiences, ordered by id', schema: listOf(savedSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const page = pageOf(
      definitions.list('audience', workspace),
      query,
      ({ id }) => id,
      (saved) => saved,
    );
    const shown = await show(deps, workspace, page.items, c.req.raw.signal);
    return { status: 200, body: { items: page.items.map(shown), next_cursor: page.next_cursor } };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/audiences/{id}',
    summary: 'One audience',
    access: 'read',
    params: idParams,
    answers: { 200: one },
  }).handle(async ({ c, params: { id }, workspace }) => {
    const saved = await savedAudience(definitions, workspace, id);
    const shown = await show(deps, workspace, [saved], c.req.raw.signal);
    return { status: 200, body: shown(saved), headers: etagOf(saved.version) };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/audiences/{id}/versions',
    summary: 'All versions of an audience',
    access: 'read',
    params: idParams,
    query: listQuery,
    answers: { 200: { description: 'a page of versions, newest first', schema: listOf(versionSchema) } },
  }).handle(async ({ params: { id }, query, workspace }) => {
    await savedAudience(definitions, workspace, id);
    const before = decodeCursor(query.cursor, z.int()) ?? Infinity;
    const rest = definitions.versions('audience', id).filter(({ version }) => version < before);
    const page = pageOfRows(rest, query.limit, ({ version }) => version);
    return { status: 200, body: { ...page, items: page.items.map(showVersion) } };
  });
}

/** Saved audiences and their versions. */
export const savedAudienceRoutes: Routes = (app, deps) => {
  changes(app, deps);
  reads(app, deps);
};
