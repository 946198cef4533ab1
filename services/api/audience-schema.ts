import { z } from '@hono/zod-openapi';
import { DEPTH_MAX, LEAVES_MAX, leafSchemas, parseAudience, type Audience } from '../../lib/audiences/index.ts';

/** The shape of an audience in requests and in the OpenAPI document. lib/audiences decides whether one is valid. */

const nodeReference = { $ref: '#/components/schemas/Audience' };

/** An audience in a request: typed when it is valid, else with issues whose paths lead into the tree. */
export const audienceSchema = z
  .custom<Audience>()
  .superRefine((value, context) => {
    for (const { path, message } of parseAudience(value).issues ?? []) {
      context.addIssue({ code: 'custom', path, message });
    }
  })
  .openapi('Audience', {
    description: `A tree of conditions, at most ${DEPTH_MAX} deep with at most ${LEAVES_MAX} leaves.`,
    type: 'object',
    oneOf: [
      { $ref: '#/components/schemas/TraitCondition' },
      object({ everyone: { type: 'boolean', enum: [true] } }),
      object({ and: { type: 'array', minItems: 1, items: nodeReference } }),
      object({ or: { type: 'array', minItems: 1, items: nodeReference } }),
      object({ not: nodeReference }),
      { $ref: '#/components/schemas/DwellCondition' },
    ],
  } as never);

function object(properties: Record<string, object>): object {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

/** The leaves as named components of the OpenAPI document: register them in the app that uses `audienceSchema`. */
export const audienceComponents = leafSchemas;
