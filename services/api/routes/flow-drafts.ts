import { z } from '@hono/zod-openapi';
import { parseFlow } from '../../../lib/flows/parse.ts';
import { FLOW_TEMPLATES } from '../../../lib/flows/templates.ts';
import { addRoute, invalid, type ProblemItem } from '../../../lib/http/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { itemOf, publishingProblems, warningSchema } from '../flow-checks.ts';
import { findFlow } from '../flow-commands.ts';
import { flowShape } from '../flow-schema.ts';
import { zoneOf } from '../zones.ts';
import { FLOW_MAX_BYTES } from './flows.ts';

/** What helps to write a flow: templates, and everything that publishing would say. */

const templateSchema = z
  .strictObject({ id: z.string(), name: z.string(), description: z.string(), flow: flowShape })
  .openapi('FlowTemplate');

const problems = z.strictObject({
  errors: z.array(warningSchema).describe('what prevents saving or publishing'),
  warnings: z.array(warningSchema).describe('what carriers or laws object to'),
});

/** `{id}` or `{flow}`, else the flow itself. Paths of problems lead into the flow in each case. */
const validateBody = z.looseObject({}).openapi('FlowToValidate', {
  description: 'a flow, or {"flow": …}, or {"id": …} of a saved one',
  type: 'object',
  additionalProperties: true,
});

/** Throws HttpProblem 404 for the id of a flow that does not exist, and 422 for an id that is no text. */
async function flowOf({ definitions }: ApiDeps, workspace: string, body: Record<string, unknown>): Promise<unknown> {
  const { id, flow, ...rest } = body;
  if (Object.keys(rest).length > 0 || (id === undefined) === (flow === undefined)) return body;
  if (flow !== undefined) return flow;
  if (typeof id !== 'string') throw invalid([{ path: '/id', message: 'must be the id of a flow' }]);
  return (await findFlow(definitions, workspace, id)).saved.flow;
}

function problemsOf(deps: ApiDeps, value: unknown, zone: string): { errors: ProblemItem[]; warnings: ProblemItem[] } {
  const { flow, issues } = parseFlow(value);
  return flow === undefined ? { errors: issues.map(itemOf), warnings: [] } : publishingProblems(deps, flow, zone);
}

export const flowDraftRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/flow-templates',
    summary: 'Flows for common uses, ready to be saved',
    tag: 'flows',
    access: 'read',
    answers: {
      200: {
        description: 'all templates',
        schema: z.strictObject({ items: z.array(templateSchema), next_cursor: z.null() }),
      },
    },
  }).handle(() => ({ status: 200, body: { items: FLOW_TEMPLATES.map((one) => ({ ...one })), next_cursor: null } }));

  addRoute(app, {
    method: 'post',
    path: '/v1/flows/validate',
    summary: 'Check a flow as publishing does',
    description: 'Also a flow whose shape is not valid is answered with 200: the errors say why it cannot be saved.',
    tag: 'flows',
    access: 'write',
    body: validateBody,
    bodyMaxBytes: FLOW_MAX_BYTES,
    answers: { 200: { description: 'what is wrong, and what is doubtful', schema: problems } },
    problems: { 404: 'there is no flow with this id' },
  }).handle(async ({ body, workspace }) => ({
    status: 200,
    body: problemsOf(deps, await flowOf(deps, workspace, body), await zoneOf(deps.definitions, workspace)),
  }));
};
