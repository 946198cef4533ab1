import { z } from '@hono/zod-openapi';
import type { Folded } from '../../lib/definitions/index.ts';
import type { Flow } from '../../lib/flows/definition.ts';
import { parseFlow } from '../../lib/flows/parse.ts';
import { showInstantOrNull } from '../../lib/time/index.ts';
import { instant, metaSchema, showMeta } from './schemas.ts';

/** The shape of a flow in requests, answers and the OpenAPI document. lib/flows decides whether one is valid. */

const example = {
  name: 'Abandoned cart recovery',
  triggers: [{ trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
  start: 'remind',
  nodes: {
    remind: { type: 'sms', text: '{{ workspace.name }}: your cart is waiting. Reply STOP to opt out.', next: null },
  },
};

const ANY = { type: 'object', additionalProperties: true };

/** A flow in an answer, as it was saved, and in a request before it is checked. */
export const flowShape = z
  .custom<Flow>((value) => typeof value === 'object' && value !== null, 'must be an object')
  .openapi('Flow', {
    description:
      'Triggers, conditions and nodes: see docs/flows.md. What only publishing checks, such as templates and cycles, may be saved.',
    type: 'object',
    required: ['name', 'triggers', 'start', 'nodes'],
    properties: {
      name: { type: 'string', minLength: 1, maxLength: 200 },
      triggers: { type: 'array', minItems: 1, maxItems: 8, items: { $ref: '#/components/schemas/TraitCondition' } },
      max_age_minutes: { type: 'integer', minimum: 1, maximum: 43_200 },
      audience: { $ref: '#/components/schemas/Audience' },
      while: { $ref: '#/components/schemas/Audience' },
      reentry: ANY,
      exit_on: { type: 'array', items: ANY },
      goal: ANY,
      start: { type: 'string' },
      nodes: { type: 'object', additionalProperties: ANY },
    },
    additionalProperties: false,
    example,
  } as never);

/** A flow in a request: with its defaults when its shape is valid, else with issues whose paths lead into it. */
export const flowDefinition = flowShape.transform((value, context): Flow => {
  const { flow, issues } = parseFlow(value);
  for (const { path, message } of issues ?? []) {
    context.addIssue({ code: 'custom', path: path.map(asKey), message, input: value });
  }
  return flow ?? z.NEVER;
});

const asKey = (key: PropertyKey): string | number => (typeof key === 'symbol' ? String(key) : key);

export const flowVersionSchema = z
  .strictObject({ id: z.string(), flow: flowShape, ...metaSchema })
  .openapi('FlowVersion');

export const FLOW_STATES = ['draft', 'publishing', 'live', 'paused', 'archived'] as const;

export const savedFlowSchema = z
  .strictObject({
    ...flowVersionSchema.shape,
    state: z
      .enum(FLOW_STATES)
      .describe('publishing: live as soon as the carts and people that conditions look at are in the log of flows'),
    live_version: z.int().nullable().describe('the version that new runs are on; null while none was published'),
    published_at: instant.nullable().describe('time of the last publish'),
  })
  .openapi('SavedFlow');

export const showFlowVersion = (saved: Folded<'flow'>): z.output<typeof flowVersionSchema> => ({
  id: saved.id,
  flow: saved.flow,
  ...showMeta(saved),
});

/** A flow with its state. `isPassed`: its publish has reached the log of flows. */
export function showFlow(
  saved: Folded<'flow'>,
  state: Folded<'flow_state'> | undefined,
  isPassed: boolean,
): z.output<typeof savedFlowSchema> {
  const stored = state?.state ?? 'draft';
  return {
    ...showFlowVersion(saved),
    state: stored === 'live' && !isPassed ? 'publishing' : stored,
    live_version: state?.live_version ?? null,
    published_at: showInstantOrNull(state?.published_at ?? null),
  };
}
