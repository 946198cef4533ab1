/** The shape of a flow. What only publishing checks (cycles, templates, channels …) is in publishing.ts. */
import { z } from 'zod';
import { looksAtNow, parseAudience, type Audience } from '../audiences/index.ts';
import { UNITS } from '../time/index.ts';
import {
  edgesOf,
  hasAbandonedTrigger,
  isMessage,
  REENTRY_RULES,
  WEEKDAYS,
  type Flow,
  type Leaf,
} from './definition.ts';

/** What is wrong, with its path from the root of the flow. */
export interface FlowIssue {
  path: PropertyKey[];
  message: string;
}

export const NODES_MAX = 100;
const TRIGGERS_MAX = 8;
/** Characters of one text of a message. */
const TEXT_MAX = 100_000;
const SMS_MAX = 1_600;

const wholeFrom1 = (max: number, what: string) =>
  z.number({ error: what }).refine((n) => Number.isInteger(n) && n >= 1 && n <= max, what);
const amountOfTime = wholeFrom1(100_000, 'must be a whole number from 1 to 100,000');
const span = z.strictObject({ amount: amountOfTime, unit: z.enum(UNITS) });
const flowSpan = z.strictObject({ amount: amountOfTime, unit: z.enum(['seconds', ...UNITS]) });
const scope = z.enum(['cart', 'person']);
const shortText = (max: number) => z.string().min(1, 'must not be empty').max(max);
const localTime = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'must be a local time such as 09:00');
const nodeId = z.string().regex(/^[a-z0-9_]{1,40}$/, 'must be 1 to 40 of the characters a-z, 0-9 and _');
const edge = nodeId.nullable().optional();

const audience = z.unknown().transform((value, context): Audience => {
  const parsed = parseAudience(value);
  for (const { path, message } of parsed.issues ?? [])
    context.addIssue({ code: 'custom', path: path.map(step), message });
  return parsed.audience ?? z.NEVER;
});

const step = (key: PropertyKey): string | number => (typeof key === 'symbol' ? String(key) : key);

/** A leaf of a trigger; elsewhere `in_next` is not possible. */
const leaf = (isTrigger: boolean) =>
  audience.transform((node, context): Leaf => {
    const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
    if (!('trait' in node)) {
      refuse([], 'must be a condition on one trait event');
      return z.NEVER;
    }
    if (node.at_least !== undefined) refuse(['at_least'], 'is not possible here: it counts several trait events');
    if (node.recovered !== undefined) refuse(['recovered'], 'is not possible here: it is known only later');
    if (!isTrigger && looksAtNow(node)) refuse(['time', 'operator'], 'in_next is possible only in triggers');
    return node;
  });

const event = leaf(false);

/** Exactly one of some members is there. */
function oneOf(members: readonly string[]) {
  return (value: object, context: z.core.$RefinementCtx): void => {
    const found = members.filter((member) => (value as Record<string, unknown>)[member] !== undefined);
    if (found.length !== 1)
      context.addIssue({ code: 'custom', message: `must have exactly one of ${members.join(', ')}`, input: value });
  };
}

/** `of` belongs to `event`. */
function ofAnEvent(value: { event?: unknown; of?: unknown }, context: z.core.$RefinementCtx): void {
  if ((value.event === undefined) === (value.of === undefined)) return;
  context.addIssue({
    code: 'custom',
    path: ['of'],
    message: value.event === undefined ? 'belongs to event' : 'is missing: cart or person',
    input: value,
  });
}

const exitCondition = z
  .strictObject({
    checkout: scope.optional(),
    activity: z.literal('cart').optional(),
    event: event.optional(),
    of: scope.optional(),
  })
  .superRefine(oneOf(['checkout', 'activity', 'event']))
  .superRefine(ofAnEvent);

const goal = z
  .strictObject({
    checkout: z.literal('person').optional(),
    event: event.optional(),
    of: scope.optional(),
    within: span.optional(),
  })
  .superRefine(oneOf(['checkout', 'event']))
  .superRefine(ofAnEvent);

const reentry = z.strictObject({
  rule: z.enum(REENTRY_RULES).default('after_exit'),
  per: scope.default('cart'),
  cooldown: span.optional(),
});

const message = {
  class: z.enum(['marketing', 'transactional']).optional(),
  expires_after_minutes: wholeFrom1(43_200, 'must be a whole number from 1 to 43,200').optional(),
  next: edge,
  else: edge,
};
const code = { code_pool: shortText(100).optional(), if_no_code: z.enum(['skip', 'send']).optional() };

const node = z.discriminatedUnion('type', [
  z
    .strictObject({
      type: z.literal('wait'),
      for: flowSpan.optional(),
      until: z
        .strictObject({
          time: localTime,
          zone: z.enum(['person', 'workspace']),
          days: z.array(z.enum(WEEKDAYS)).min(1).optional(),
        })
        .optional(),
      next: edge,
    })
    .superRefine(oneOf(['for', 'until'])),
  z
    .strictObject({
      type: z.literal('wait_for'),
      event: event.optional(),
      of: scope.optional(),
      checkout: scope.optional(),
      timeout: flowSpan,
      next: edge,
      on_timeout: edge,
    })
    .superRefine(oneOf(['event', 'checkout']))
    .superRefine(ofAnEvent),
  z
    .strictObject({
      type: z.literal('split'),
      if: audience.optional(),
      trigger: event.optional(),
      percent: wholeFrom1(99, 'must be a whole number from 1 to 99').optional(),
      then: edge,
      else: edge,
    })
    .superRefine(oneOf(['if', 'trigger', 'percent'])),
  z.strictObject({ type: z.literal('sms'), text: z.string().max(SMS_MAX), ...message, ...code }),
  z.strictObject({
    type: z.literal('email'),
    subject: z.string().max(1_000),
    html: z.string().max(TEXT_MAX),
    text: z.string().max(TEXT_MAX).optional(),
    preheader: z.string().max(1_000).optional(),
    from: z.string().max(320).optional(),
    ...message,
    ...code,
  }),
  z.strictObject({
    type: z.literal('webhook'),
    url: shortText(2_000),
    headers: z.record(shortText(200), z.string().max(4_000)).optional(),
    body: z.string().max(TEXT_MAX).optional(),
    ...message,
  }),
  z.strictObject({ type: z.literal('exit'), reason: z.string().max(200).optional() }),
]);

/** Also describes flows in documents of the API. */
export const flowSchema = z.strictObject({
  name: shortText(200),
  triggers: z.array(leaf(true)).min(1, 'must have at least one trigger').max(TRIGGERS_MAX),
  max_age_minutes: wholeFrom1(43_200, 'must be a whole number from 1 to 43,200').optional(),
  audience: audience.optional(),
  while: audience.optional(),
  reentry: reentry.optional(),
  exit_on: z.array(exitCondition).max(20).optional(),
  goal: goal.optional(),
  start: nodeId,
  nodes: z.record(nodeId, node).refine((nodes) => {
    const count = Object.keys(nodes).length;
    return count >= 1 && count <= NODES_MAX;
  }, `must have 1 to ${NODES_MAX} nodes`),
});

/** Checks the shape of a flow; each issue says what is wrong, and where. */
export function parseFlow(
  value: unknown,
): { flow: Flow; issues?: never } | { flow?: never; issues: readonly FlowIssue[] } {
  const parsed = flowSchema.safeParse(value);
  if (!parsed.success) {
    const issues = parsed.error.issues.flatMap((issue): FlowIssue[] =>
      issue.code === 'unrecognized_keys'
        ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown field' }))
        : [{ path: issue.path, message: issue.message }],
    );
    return { issues };
  }
  // JSON has no undefined members, but zod's type has.
  const flow = parsed.data as Flow;
  const issues = referenceIssues(flow);
  return issues.length === 0 ? { flow } : { issues };
}

/** Edges to nodes that do not exist, and transactional messages where they are not allowed. */
function referenceIssues(flow: Flow): FlowIssue[] {
  const issues: FlowIssue[] = [];
  if (!Object.hasOwn(flow.nodes, flow.start))
    issues.push({ path: ['start'], message: `there is no node "${flow.start}"` });
  for (const [id, node] of Object.entries(flow.nodes)) {
    for (const { name, to } of edgesOf(node))
      if (to !== null && !Object.hasOwn(flow.nodes, to))
        issues.push({ path: ['nodes', id, name], message: `there is no node "${to}"` });
    if (isMessage(node) && node.class === 'transactional' && hasAbandonedTrigger(flow))
      issues.push({
        path: ['nodes', id, 'class'],
        message: 'a flow with a cart_abandoned trigger cannot send transactional messages: no order was made',
      });
  }
  return issues;
}
