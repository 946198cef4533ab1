import { z } from 'zod';
import { statusText } from '../jane/fields.ts';
import { inYears, readDay, readInstant, UNITS, YEAR_MAX, YEAR_MIN } from '../time/index.ts';
import { NEXT_STATUSES } from './carts.ts';
import type { Audience } from './tree.ts';

export const DEPTH_MAX = 16;
export const LEAVES_MAX = 200;

/** What is wrong, with its path from the root of the tree. */
export interface AudienceIssue {
  path: PropertyKey[];
  message: string;
}

function day(text: string): boolean {
  const date = readDay(text);
  return date !== undefined && date.year >= YEAR_MIN && date.year <= YEAR_MAX;
}
function instant(text: string): boolean {
  const at = readInstant(text);
  return at !== null && inYears(at);
}

const years = `in the years ${YEAR_MIN} to ${YEAR_MAX}`;
const dayText = z.string().refine(day, `must be a day such as 2026-03-17, ${years}`);
const dayOrInstant = z
  .string()
  .refine((text) => day(text) || instant(text), `must be a day such as 2026-03-17 or an RFC 3339 instant, ${years}`);
const amountOfTime = z
  .number({ error: 'must be a whole number from 1 to 100,000' })
  .refine((n) => Number.isInteger(n) && n >= 1 && n <= 100_000, 'must be a whole number from 1 to 100,000');
const unit = z.enum(UNITS);

const timeSchemas = {
  after: z.strictObject({ operator: z.literal('after'), date: dayOrInstant }),
  on: z.strictObject({ operator: z.literal('on'), date: dayText }),
  before: z.strictObject({ operator: z.literal('before'), date: dayOrInstant }),
  between: z
    .strictObject({ operator: z.literal('between'), from: dayOrInstant, to: dayOrInstant })
    .superRefine(({ from, to }, context) => {
      const [first, last] = [readInstant(from), readInstant(to)];
      if ((first === null) !== (last === null)) {
        context.addIssue({ code: 'custom', message: 'from and to must both be days or both be instants' });
      } else if (first === null || last === null ? from > to : first > last) {
        context.addIssue({ code: 'custom', message: 'from must not be after to' });
      }
    }),
  in_last: z.strictObject({ operator: z.literal('in_last'), amount: amountOfTime, unit }),
  in_next: z.strictObject({ operator: z.literal('in_next'), amount: amountOfTime, unit }),
};

const time = z.discriminatedUnion('operator', [
  timeSchemas.after,
  timeSchemas.on,
  timeSchemas.before,
  timeSchemas.between,
  timeSchemas.in_last,
  timeSchemas.in_next,
]);

const list = z.array(z.string().max(1000));
const money = z.number({ error: 'must be a number of at least 0' }).min(0, 'must be a number of at least 0');
const amount = z.strictObject({ min: money.optional(), max: money.optional() }).superRefine(({ min, max }, context) => {
  if (min === undefined && max === undefined) context.addIssue({ code: 'custom', message: 'must have min or max' });
  else if (min !== undefined && max !== undefined && min > max)
    context.addIssue({ code: 'custom', message: 'min must not be greater than max' });
});

const leaf = z.strictObject({
  trait: z.enum(['cart_abandoned', 'cart_status_updated']),
  status: list.optional(),
  time: time.optional(),
  store_id: list.optional(),
  at_least: z
    .number({ error: 'must be a whole number from 1 to 1,000' })
    .refine((n) => Number.isInteger(n) && n >= 1 && n <= 1000, 'must be a whole number from 1 to 1,000')
    .optional(),
  recovered: z.boolean().optional(),
  anomaly: z.boolean().optional(),
  mode: list.optional(),
  amount: amount.optional(),
  product_id: list.optional(),
});

const traitNode = leaf.superRefine((node, context) => {
  const refuse = (path: string[], message: string): void => context.addIssue({ code: 'custom', path, message });
  const looksAhead = node.time?.operator === 'in_next';
  for (const key of ['recovered', 'anomaly'] as const)
    if (looksAhead && node[key] !== undefined) refuse([key], 'cannot be combined with in_next');
  if (node.trait === 'cart_abandoned') {
    if (node.status !== undefined && node.status.length > 0) refuse(['status'], 'cart_abandoned has no status');
    if (node.anomaly !== undefined && !looksAhead) refuse(['anomaly'], 'cart_abandoned has no anomaly');
    return;
  }
  if (node.recovered !== undefined && !looksAhead) refuse(['recovered'], 'only cart_abandoned can be recovered');
  if (!looksAhead) return;
  node.status?.forEach((status, i) => {
    if (!NEXT_STATUSES.some((next) => next === statusText(status))) {
      refuse(['status', String(i)], `in_next supports only ${NEXT_STATUSES.join(' and ')}`);
    }
  });
});

const dwellNode = z.strictObject({
  dwell: z.strictObject({
    status: list.min(1),
    for: z.strictObject({ amount: amountOfTime, unit }),
    store_id: list.optional(),
  }),
});

const everyoneNode = z.strictObject({ everyone: z.literal(true) });

const KINDS = ['trait', 'and', 'or', 'not', 'everyone', 'dwell'] as const;
type NodeKind = (typeof KINDS)[number];

interface Walk {
  issues: AudienceIssue[];
  leaves: number;
}

/** Validates an audience; each issue says what is wrong, and where. */
export function parseAudience(
  value: unknown,
): { audience: Audience; issues?: never } | { audience?: never; issues: AudienceIssue[] } {
  const walk: Walk = { issues: [], leaves: 0 };
  const audience = walkNode(value, [], 1, walk);
  return audience && walk.issues.length === 0 ? { audience } : { issues: walk.issues };
}

function walkNode(value: unknown, path: PropertyKey[], depth: number, walk: Walk): Audience | undefined {
  const refuse = (message: string, at: PropertyKey[] = path): undefined => {
    walk.issues.push({ path: at, message });
    return undefined;
  };
  // Checked on the way down: the walk must not follow a body that is nested a million levels deep.
  if (depth > DEPTH_MAX) return refuse(`is nested more than ${DEPTH_MAX} levels deep`);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refuse('must be an object with one condition');
  const kinds = KINDS.filter((kind) => Object.hasOwn(value, kind));
  const [kind] = kinds;
  if (!kind) return refuse(`must have one of the members ${KINDS.join(', ')}`);
  if (kinds.length > 1) return refuse(`mixes kinds of conditions: ${kinds.join(' and ')}`);
  if (kind === 'and' || kind === 'or' || kind === 'not') return walkBranch(value, kind, path, depth, walk, refuse);
  walk.leaves += 1;
  if (walk.leaves === LEAVES_MAX + 1) return refuse(`exceeds the limit of ${LEAVES_MAX} leaves`);
  if (walk.leaves > LEAVES_MAX) return undefined;
  const result = { trait: traitNode, everyone: everyoneNode, dwell: dwellNode }[kind].safeParse(value);
  if (result.success) return result.data as Audience;
  for (const issue of result.error.issues) {
    if (issue.code === 'unrecognized_keys') {
      for (const key of issue.keys) refuse('unknown field', [...path, ...issue.path, key]);
    } else {
      refuse(issue.message, [...path, ...issue.path]);
    }
  }
  return undefined;
}

function walkBranch(
  value: object,
  kind: Extract<NodeKind, 'and' | 'or' | 'not'>,
  path: PropertyKey[],
  depth: number,
  walk: Walk,
  refuse: (message: string, at?: PropertyKey[]) => undefined,
): Audience | undefined {
  for (const key of Object.keys(value)) if (key !== kind) refuse('unknown field', [...path, key]);
  const inner: unknown = (value as Record<string, unknown>)[kind];
  if (kind === 'not') {
    const child = walkNode(inner, [...path, 'not'], depth + 1, walk);
    return child && { not: child };
  }
  if (!Array.isArray(inner) || inner.length === 0)
    return refuse('must be a list of at least one condition', [...path, kind]);
  const children: Audience[] = [];
  for (const [i, item] of inner.entries()) {
    const child = walkNode(item, [...path, kind, i], depth + 1, walk);
    if (child) children.push(child);
    // Enough to correct the request; a hostile body must not make an answer of its own size.
    if (walk.issues.length >= 100 || walk.leaves > LEAVES_MAX) break;
  }
  return kind === 'and' ? { and: children } : { or: children };
}

/** The schemas of the leaves, for descriptions of audiences. */
export const leafSchemas = { TraitCondition: leaf, DwellCondition: dwellNode };
