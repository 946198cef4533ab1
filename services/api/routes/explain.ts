import { z } from '@hono/zod-openapi';
import {
  EVENTS_MAX,
  evaluate,
  NEAR_MAX,
  type CartFacts,
  type NodeEvaluation,
  type TraitEventFacts,
} from '../../../lib/audiences/index.ts';
import { readPersonFacts } from '../../../lib/clickhouse/person-facts.ts';
import { addRoute, HttpProblem } from '../../../lib/http/index.ts';
import { showInstant, showInstantOrNull } from '../../../lib/time/index.ts';
import { askedAt, QUESTION_MAX_BYTES, questionShape } from '../audience-question.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { cartSchema, personId, traitEventSchema } from '../rows.ts';
import { instant } from '../schemas.ts';
import { zoneOf } from '../zones.ts';

const request = z.strictObject({
  ...questionShape,
  person_id: z
    .string()
    .regex(/^\d{1,20}$/, 'must be a decimal integer as a string')
    .openapi({ example: '4711' }),
});
type ExplainRequest = z.output<typeof request>;

const workspaceId = z.string();
const explainedEvent = z.strictObject({ workspace: workspaceId, ...traitEventSchema.shape });
const explainedCart = z.strictObject({ workspace: workspaceId, ...cartSchema.shape });
type ExplainedEvent = z.output<typeof explainedEvent>;
type ExplainedCart = z.output<typeof explainedCart>;

const fails = z
  .array(z.enum(['status', 'time', 'for', 'store_id', 'recovered', 'anomaly', 'mode', 'amount', 'product_id']))
  .describe('members of the condition that it does not satisfy; time also for what is after now');

const components = {
  ExplainedTraitEvent: explainedEvent,
  ExplainedCart: explainedCart,
  NearTraitEvent: z.strictObject({ ...explainedEvent.shape, fails }),
  NearCart: z.strictObject({ ...explainedCart.shape, fails }),
};

interface ExplainedNode {
  node: unknown;
  matches: boolean;
  children?: ExplainedNode[];
  count?: number;
  events?: (ExplainedEvent | ExplainedCart)[];
  near?: ((ExplainedEvent | ExplainedCart) & { fails: string[] })[];
}

const listOf = (maxItems: number, description: string, ...names: (keyof typeof components)[]): object => ({
  type: 'array',
  maxItems,
  description,
  items: { anyOf: names.map((name) => ({ $ref: `#/components/schemas/${name}` })) },
});

const explainedNode = z.custom<ExplainedNode>().openapi('ExplainedNode', {
  type: 'object',
  description: 'A node of the audience: children for and, or and not; count, events and near for conditions.',
  properties: {
    node: { $ref: '#/components/schemas/Audience' },
    matches: { type: 'boolean', description: 'false for every node if the person is not in the universe' },
    children: { type: 'array', items: { $ref: '#/components/schemas/ExplainedNode' } },
    count: { type: 'integer', description: 'trait events, or carts for in_next and dwell, that satisfy the condition' },
    events: listOf(EVENTS_MAX, `the newest ${EVENTS_MAX} of those`, 'ExplainedTraitEvent', 'ExplainedCart'),
    near: listOf(NEAR_MAX, `the newest ${NEAR_MAX} that do not satisfy it`, 'NearTraitEvent', 'NearCart'),
  },
  required: ['node', 'matches'],
  additionalProperties: false,
} as never);

const answer = z
  .strictObject({
    matches: z.boolean(),
    person_id: personId,
    in_universe: z.boolean().describe('the person existed by then, and is not anonymous unless those are included'),
    node: explainedNode,
    fresh_through: instant
      .nullable()
      .describe('everything that was answered with 2xx before this time is considered; null while unknown'),
  })
  .openapi('Explanation');

/** Whose rows they are, in the answer. */
interface Owner {
  workspace: string;
  person_id: string;
}

const showEvent = (owner: Owner, event: TraitEventFacts): ExplainedEvent => ({
  ...owner,
  event_id: event.event_id,
  trait: event.trait,
  status: event.status,
  occurred_at: showInstant(event.occurred_at),
  detected_at: showInstant(event.detected_at),
  recovered_at: showInstantOrNull(event.recovered_at),
  cart_id: event.cart_id,
  store_id: event.store_id,
  mode: event.mode,
  amount: event.amount,
  anomaly: event.anomaly,
  reentered: event.reentered,
  source: event.source,
});

const showCart = (owner: Owner, cart: CartFacts): ExplainedCart => ({
  ...owner,
  cart_id: cart.cart_id,
  status: cart.status,
  status_since: showInstantOrNull(cart.status_since),
  store_id: cart.store_id,
  mode: cart.mode,
  amount: cart.amount,
  created_at: showInstantOrNull(cart.created_at),
  last_activity_at: showInstantOrNull(cart.last_activity_at),
  due_at: showInstantOrNull(cart.due_at),
  abandoned_at: showInstantOrNull(cart.abandoned_at),
  recovered_at: showInstantOrNull(cart.recovered_at),
  reservation_start_window: showInstantOrNull(cart.reservation_start_at),
  store_name: cart.store_name,
  products: cart.products ?? [],
});

function showNode(owner: Owner, evaluated: NodeEvaluation): ExplainedNode {
  const { node, matches } = evaluated;
  if (evaluated.kind === 'branch') {
    const children = evaluated.children.map((child) => showNode(owner, child));
    return { node, matches, ...(children.length === 0 ? {} : { children }) };
  }
  const { count } = evaluated;
  if (evaluated.kind === 'events') {
    const events = evaluated.events.map((event) => showEvent(owner, event));
    const near = evaluated.near.map(({ found, fails }) => ({ ...showEvent(owner, found), fails }));
    return { node, matches, count, events, near };
  }
  const events = evaluated.events.map((cart) => showCart(owner, cart));
  const near = evaluated.near.map(({ found, fails }) => ({ ...showCart(owner, found), fails }));
  return { node, matches, count, events, near };
}

const ID_MAX = 2 ** 32 - 1;

async function explain(deps: ApiDeps, workspace: string, body: ExplainRequest, signal: AbortSignal) {
  const asked = askedAt(body, deps.clock.wallMs());
  const zone = await zoneOf(deps.definitions, workspace);
  // Asked for before the facts are read: freshness holds for all that is read later.
  const freshThroughMs = await deps.freshness.ofWorkspace(workspace);
  const database = deps.database.for(signal);
  const id = Number(body.person_id);
  const people = await readPersonFacts(
    (query, params) => database.rows(query, params),
    workspace,
    id <= ID_MAX ? [id] : [],
    { withRetracted: asked.knownAtMs !== undefined },
  );
  const facts = people.get(id);
  if (facts === undefined) throw new HttpProblem(404, 'no such person');
  const { inUniverse, matches, node } = evaluate(body.audience, facts, { zone, ...asked });
  const owner = { workspace, person_id: String(facts.personId) };
  return {
    matches,
    person_id: owner.person_id,
    in_universe: inUniverse,
    node: showNode(owner, node),
    fresh_through: showInstantOrNull(freshThroughMs),
  };
}

export const explainRoutes: Routes = (app, deps) => {
  for (const [name, schema] of Object.entries(components)) app.openAPIRegistry.register(name, schema);
  addRoute(app, {
    method: 'post',
    path: '/v1/audiences/explain',
    summary: 'Why a person is in an audience or not',
    description:
      'The tree of the audience with what each node found about the person. The id of a person who was merged into ' +
      'another explains the remaining person.',
    tag: 'audiences',
    access: 'read',
    body: request,
    bodyMaxBytes: QUESTION_MAX_BYTES,
    answers: { 200: { description: 'the explanation', schema: answer } },
    problems: { 404: 'no such person' },
  }).handle(async ({ c, body, workspace }) => ({
    status: 200,
    body: await explain(deps, workspace, body, c.req.raw.signal),
  }));
};
