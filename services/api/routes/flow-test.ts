import { z } from '@hono/zod-openapi';
import { addRoute, HttpProblem, invalid } from '../../../lib/http/index.ts';
import { TemplateError } from '../../../lib/rendering/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { findFlow } from '../flow-commands.ts';
import { messageNode, previewContext, templateOf } from '../flow-preview.ts';
import { flowPersonOf } from '../flow-reports.ts';
import { flowDefinition } from '../flow-schema.ts';
import { FLOW_MAX_BYTES } from './flows.ts';

/** A message of a flow, rendered for a person. */

const request = z.strictObject({
  id: z.string().max(100).optional().describe('the id of a saved flow; give this or flow'),
  flow: flowDefinition.optional(),
  node: z.string().max(40),
  person_id: z.string().max(20),
  to: z.string().min(1).max(320).optional().describe('an address to send the message to'),
});
type Request = z.output<typeof request>;

const answer = z
  .strictObject({
    channel: z.enum(['sms', 'email', 'webhook']),
    content: z.record(z.string(), z.unknown()).describe('the rendered message; its fields depend on the channel'),
    to: z.string().nullable(),
    outcome: z.enum(['sent']).nullable().describe('null when it was only rendered'),
    provider: z.enum(['test']),
  })
  .openapi('FlowTest');

async function flowOf({ definitions }: ApiDeps, workspace: string, { id, flow }: Request) {
  if ((id === undefined) === (flow === undefined)) {
    throw invalid([{ path: '/flow', message: 'give either flow or id' }]);
  }
  if (flow !== undefined) return { flow, flowId: 'test', version: 0 };
  const { saved } = await findFlow(definitions, workspace, id!);
  return { flow: saved.flow, flowId: saved.id, version: saved.version };
}

export const flowTestRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'post',
    path: '/v1/flows/test',
    summary: 'Render a message of a flow for a person',
    description:
      'The cart and the trait event are the newest of the person, or examples. With "to" the message is also handed to the provider of its channel; the provider "test" sends nothing. The answer shows the message; it belongs to no run, so it is not in /v1/messages. No code of a pool is used up.',
    tag: 'flows',
    access: 'write',
    body: request,
    bodyMaxBytes: FLOW_MAX_BYTES,
    answers: { 200: { description: 'the message', schema: answer } },
    problems: { 404: 'there is no such flow or person' },
  }).handle(async ({ c, body, workspace }) => {
    const { flow, flowId, version } = await flowOf(deps, workspace, body);
    const node = messageNode(flow, body.node);
    if (node === undefined) throw invalid([{ path: '/node', message: 'is not a message of the flow' }]);
    const database = deps.database.for(c.req.raw.signal);
    const person = await flowPersonOf(database, workspace, body.person_id);
    if (person === undefined) throw new HttpProblem(404, 'no such person');
    const { name: workspaceName } = (await deps.definitions.findWorkspace(workspace))!;
    const nowMs = deps.clock.wallMs();
    const options = { workspace, workspaceName, person, flow, flowId, version, node: body.node, nowMs };
    const context = await previewContext(database, options);
    try {
      const { channel, ...content } = await deps.renderer.render({ template: templateOf(node), context });
      const sent = body.to === undefined ? null : ('sent' as const);
      return { status: 200, body: { channel, content, to: body.to ?? null, outcome: sent, provider: 'test' as const } };
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      throw invalid([{ path: '/node', message: `cannot be rendered: ${error.message}` }]);
    }
  });
};
