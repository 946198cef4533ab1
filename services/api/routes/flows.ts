import { z } from '@hono/zod-openapi';
import { newId } from '../../../lib/definitions/index.ts';
import { addRoute, decodeCursor, listOf, listQuery, pageOf, pageOfRows } from '../../../lib/http/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { commandFlow, findFlow, saveVersion, type FlowWithState } from '../flow-commands.ts';
import { checkForPublishing, warningSchema } from '../flow-checks.ts';
import {
  FLOW_STATES,
  flowDefinition,
  flowVersionSchema,
  savedFlowSchema,
  showFlow,
  showFlowVersion,
} from '../flow-schema.ts';
import { idParams } from '../schemas.ts';
import { etagHeader, etagOf, ifMatchHeader, onCurrentVersion, requiredVersion } from '../versions.ts';

/** The size of a flow: 100 nodes with texts. */
export const FLOW_MAX_BYTES = 512 * 1024;

/** How long a request waits for a publish to reach the log of flows before it answers with the state `publishing`. */
const PUBLISH_WAIT_MS = 2_000;
const READ_WAIT_MS = 250;

const common = { tag: 'flows' } as const;
const one = { description: 'the flow', schema: savedFlowSchema, headers: etagHeader };
const publishedSchema = z
  .strictObject({
    ...savedFlowSchema.shape,
    warnings: z.array(warningSchema).describe('what carriers or laws object to'),
  })
  .openapi('PublishedFlow');

/** Shows flows of one workspace. */
async function shownFlows({ publishing }: ApiDeps, flows: readonly FlowWithState[], waitMs = READ_WAIT_MS) {
  const live = flows.filter(({ state }) => state?.state === 'live').map(({ saved }) => saved.id);
  const workspace = flows[0]?.saved.workspace ?? '';
  const passed = live.length === 0 ? new Set<string>() : await publishing.passedOf(workspace, live, waitMs);
  return flows.map(({ saved, state }) => showFlow(saved, state, passed.has(saved.id)));
}

async function shownFlow(deps: ApiDeps, flow: FlowWithState, waitMs = READ_WAIT_MS) {
  const [shown] = await shownFlows(deps, [flow], waitMs);
  return shown!;
}

const changes: Routes = (app, deps) => {
  const { definitions } = deps;

  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/flows',
    summary: 'Save a flow as a draft',
    description:
      'The body is the flow itself. Its shape must be valid; what only publishing checks may be incomplete: POST /v1/flows/validate lists it.',
    access: 'write',
    body: flowDefinition,
    bodyMaxBytes: FLOW_MAX_BYTES,
    answers: { 201: { ...one, description: 'saved' } },
  }).handle(async ({ body, workspace }) => {
    const id = newId('flow');
    const saved = await definitions.append({ entity: 'flow', workspace, id, expectedVersion: 0, body: { flow: body } });
    if (!saved) throw new Error('a flow was written but cannot be found');
    const shown = await shownFlow(deps, { saved, state: undefined });
    return { status: 201, body: shown, headers: etagOf(saved.version) };
  });

  addRoute(app, {
    ...common,
    method: 'put',
    path: '/v1/flows/{id}',
    summary: 'Save a new version of a flow',
    description: 'The live version stays live until the new one is published. Requires If-Match.',
    access: 'write',
    params: idParams,
    headers: ifMatchHeader,
    body: flowDefinition,
    bodyMaxBytes: FLOW_MAX_BYTES,
    answers: { 200: one },
    problems: { 409: 'the version is not the current one, or the flow is archived', 428: 'If-Match is missing' },
  }).handle(async ({ c, params: { id }, body, workspace }) => {
    const flow = await onCurrentVersion(c, async () => {
      const found = await findFlow(definitions, workspace, id);
      return saveVersion(definitions, found, body, requiredVersion(c, found.saved.version));
    });
    return { status: 200, body: await shownFlow(deps, flow), headers: etagOf(flow.saved.version) };
  });

  addRoute(app, {
    ...common,
    method: 'delete',
    path: '/v1/flows/{id}',
    summary: 'Archive a flow',
    description: 'Its live runs end, and no new ones start. The flow and its records remain readable.',
    access: 'write',
    params: idParams,
    headers: ifMatchHeader,
    answers: { 204: { description: 'archived' } },
    problems: { 409: 'If-Match does not name the current version' },
  }).handle(async ({ c, params: { id }, workspace }) => {
    await commandFlow(deps, { c, workspace, id }, { what: 'archive' });
    return { status: 204 };
  });
};

const publishBody = z.strictObject({
  runs: z
    .enum(['finish', 'move'])
    .default('finish')
    .describe('whether live runs finish on their version, or continue on this one'),
});

const commands: Routes = (app, deps) => {
  addRoute(app, {
    ...common,
    method: 'post',
    path: '/v1/flows/{id}/publish',
    summary: 'Publish the current version of a flow',
    description:
      'A paused flow stays paused. The first publish of a workspace waits until the open carts and the checkouts of the last 60 days are in the log of flows; meanwhile the state is "publishing".',
    access: 'write',
    params: idParams,
    headers: ifMatchHeader,
    body: publishBody,
    bodyOptional: true,
    answers: { 200: { ...one, schema: publishedSchema } },
    problems: { 409: 'the flow is archived, or If-Match does not name the current version' },
  }).handle(async ({ c, params: { id }, body: { runs }, workspace }) => {
    let warnings: z.output<typeof warningSchema>[] = [];
    const flow = await commandFlow(
      deps,
      { c, workspace, id },
      {
        what: 'publish',
        runs,
        check: (definition, zone) => {
          warnings = checkForPublishing(deps, definition, zone);
        },
      },
    );
    const shown = await shownFlow(deps, flow, PUBLISH_WAIT_MS);
    return { status: 200, body: { ...shown, warnings }, headers: etagOf(flow.saved.version) };
  });

  for (const [what, summary, description] of [
    [
      'pause',
      'Pause a flow',
      'Nothing starts and nothing is sent until the flow is resumed; live runs keep their place.',
    ],
    ['resume', 'Resume a flow', 'What fell due while the flow was paused proceeds in order.'],
  ] as const) {
    addRoute(app, {
      ...common,
      method: 'post',
      path: `/v1/flows/{id}/${what}`,
      summary,
      description,
      access: 'write',
      params: idParams,
      headers: ifMatchHeader,
      answers: { 200: one },
      problems: { 409: 'the flow was never published or is archived, or If-Match does not name the current version' },
    }).handle(async ({ c, params: { id }, workspace }) => {
      const flow = await commandFlow(deps, { c, workspace, id }, { what });
      return { status: 200, body: await shownFlow(deps, flow), headers: etagOf(flow.saved.version) };
    });
  }
};

const reads: Routes = (app, deps) => {
  const { definitions } = deps;

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/flows',
    summary: 'List flows',
    access: 'read',
    query: z.strictObject({
      ...listQuery.shape,
      state: z.enum(FLOW_STATES).optional().describe('only flows in this state'),
    }),
    answers: { 200: { description: 'a page of flows, ordered by id', schema: listOf(savedFlowSchema) } },
  }).handle(async ({ query, workspace }) => {
    const all = definitions
      .list('flow', workspace)
      .map((saved) => ({ saved, state: definitions.get('flow_state', saved.id) }));
    const shown = await shownFlows(deps, all);
    const matching = shown.filter(({ state }) => query.state === undefined || state === query.state);
    return {
      status: 200,
      body: pageOf(
        matching,
        query,
        ({ id }) => id,
        (flow) => flow,
      ),
    };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/flows/{id}',
    summary: 'One flow: its latest version and its state',
    access: 'read',
    params: idParams,
    answers: { 200: one },
  }).handle(async ({ params: { id }, workspace }) => {
    const flow = await findFlow(definitions, workspace, id);
    return { status: 200, body: await shownFlow(deps, flow), headers: etagOf(flow.saved.version) };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/flows/{id}/versions',
    summary: 'All versions of a flow',
    access: 'read',
    params: idParams,
    query: listQuery,
    answers: { 200: { description: 'a page of versions, newest first', schema: listOf(flowVersionSchema) } },
  }).handle(async ({ params: { id }, query, workspace }) => {
    await findFlow(definitions, workspace, id);
    const before = decodeCursor(query.cursor, z.int()) ?? Infinity;
    const rest = definitions.versions('flow', id).filter(({ version }) => version < before);
    const page = pageOfRows(rest, query.limit, ({ version }) => version);
    return { status: 200, body: { ...page, items: page.items.map(showFlowVersion) } };
  });
};

/** Flows, their versions, and commands to them. */
export const flowRoutes: Routes = (app, deps) => {
  for (const add of [changes, commands, reads]) add(app, deps);
};
