/** The executor of audiences in this process: one person's facts, a tree and a time. `compile.ts` is the one in SQL. */
import { step } from '../time/index.ts';
import { boundsOf, isWithin, OPEN } from './bounds.ts';
import type { CartFacts, PersonFacts, TraitEventFacts } from './facts.ts';
import { dwellRule, eventRule, inOrder, isRecovered, nextRule, type FailedKey, type Rule } from './rules.ts';
import type { Audience, DwellNode, TraitNode } from './tree.ts';

export interface EvaluateOptions {
  /** The time of the evaluation, Unix ms: nothing after it counts. */
  nowMs: number;
  /** Only what was concluded by this time and not retracted by then counts, Unix ms. Not for `in_next` and `dwell`. */
  knownAtMs?: number;
  /** The workspace's zone, which its days are in. */
  zone: string;
  includeAnonymous: boolean;
}

/** Events and carts in `events` of one leaf. */
export const EVENTS_MAX = 20;
/** Events and carts in `near` of one leaf. */
export const NEAR_MAX = 5;

export interface BranchEvaluation {
  kind: 'branch';
  node: Audience;
  matches: boolean;
  /** In the order of the node's conditions; empty for `everyone`. */
  children: NodeEvaluation[];
}

/** What a leaf found: trait events, or carts for `in_next` and `dwell`. Newest first. */
export interface LeafEvaluation<Found> {
  node: TraitNode | DwellNode;
  matches: boolean;
  /** How many satisfy the leaf, also outside of the universe. */
  count: number;
  /** The newest EVENTS_MAX of those. */
  events: Found[];
  /** The newest NEAR_MAX of the same trait that do not satisfy it. */
  near: { found: Found; fails: FailedKey[] }[];
}

export type EventsEvaluation = { kind: 'events' } & LeafEvaluation<TraitEventFacts>;
export type CartsEvaluation = { kind: 'carts' } & LeafEvaluation<CartFacts>;
export type NodeEvaluation = BranchEvaluation | EventsEvaluation | CartsEvaluation;

export interface Evaluation {
  /** first_at ≤ now, and not anonymous unless anonymous people are included. Outside nothing matches. */
  inUniverse: boolean;
  matches: boolean;
  node: NodeEvaluation;
}

/** Whether the person is in the audience, and why: the same tree with what each node found. */
export const evaluate = (audience: Audience, facts: PersonFacts, options: EvaluateOptions): Evaluation =>
  prepare(audience, options).evaluate(facts);

/** Whether the person is in the audience. */
export const matches = (audience: Audience, facts: PersonFacts, options: EvaluateOptions): boolean =>
  prepare(audience, options).matches(facts);

/** An audience at one instant, for many people. */
export interface PreparedAudience {
  matches(facts: PersonFacts): boolean;
  evaluate(facts: PersonFacts): Evaluation;
}

/** Computes the time bounds of every leaf once. */
export function prepare(audience: Audience, options: EvaluateOptions): PreparedAudience {
  const node = preparedNode(audience, options);
  const isInUniverse = ({ firstAtMs, anonymous }: PersonFacts): boolean =>
    firstAtMs <= options.nowMs && (options.includeAnonymous || !anonymous);
  return {
    matches: (facts) => isInUniverse(facts) && node.holds(facts),
    evaluate(facts) {
      const inUniverse = isInUniverse(facts);
      const evaluated = node.evaluate(facts, inUniverse);
      return { inUniverse, matches: evaluated.matches, node: evaluated };
    },
  };
}

interface PreparedNode {
  /** For people in the universe. */
  holds(facts: PersonFacts): boolean;
  evaluate(facts: PersonFacts, inUniverse: boolean): NodeEvaluation;
}

function preparedNode(node: Audience, options: EvaluateOptions): PreparedNode {
  if ('and' in node || 'or' in node) {
    const children = ('and' in node ? node.and : node.or).map((child) => preparedNode(child, options));
    return branch(
      node,
      children,
      'and' in node
        ? (holds) => children.every((child, i) => holds(child, i))
        : (holds) => children.some((child, i) => holds(child, i)),
    );
  }
  if ('not' in node) {
    const child = preparedNode(node.not, options);
    return branch(node, [child], (holds) => !holds(child, 0));
  }
  if ('everyone' in node) return branch(node, [], () => true);
  if ('dwell' in node) return leaf('carts', node, 1, ({ carts }) => carts, newestCarts, dwellAt(node, options));
  const atLeast = node.at_least ?? 1;
  if (node.time?.operator === 'in_next')
    return leaf('carts', node, atLeast, ({ carts }) => carts, newestCarts, nextAt(node, options));
  const counts = countsAt(node, options);
  const ofTrait = ({ traitEvents }: PersonFacts): TraitEventFacts[] => traitEvents.filter(counts);
  return leaf('events', node, atLeast, ofTrait, newestEvents, eventAt(node, options));
}

function branch(
  node: Audience,
  children: readonly PreparedNode[],
  combine: (holds: (child: PreparedNode, index: number) => boolean) => boolean,
): PreparedNode {
  return {
    holds: (facts) => combine((child) => child.holds(facts)),
    evaluate(facts, inUniverse) {
      const evaluated = children.map((child) => child.evaluate(facts, inUniverse));
      const matches = inUniverse && combine((_, index) => evaluated[index]!.matches);
      return { kind: 'branch', node, matches, children: evaluated };
    },
  };
}

function leaf<Found extends TraitEventFacts | CartFacts>(
  kind: Found extends TraitEventFacts ? 'events' : 'carts',
  node: TraitNode | DwellNode,
  atLeast: number,
  candidates: (facts: PersonFacts) => readonly Found[],
  newestFirst: (a: Found, b: Found) => number,
  rule: Rule<Found>,
): PreparedNode {
  return {
    holds(facts) {
      let count = 0;
      for (const found of candidates(facts)) if (rule(found).length === 0 && ++count >= atLeast) return true;
      return false;
    },
    evaluate(facts, inUniverse) {
      const events: Found[] = [];
      const near: { found: Found; fails: FailedKey[] }[] = [];
      let count = 0;
      for (const found of candidates(facts).toSorted(newestFirst)) {
        const fails = rule(found);
        if (fails.length > 0) {
          if (near.length < NEAR_MAX) near.push({ found, fails: inOrder(fails) });
          continue;
        }
        count++;
        if (events.length < EVENTS_MAX) events.push(found);
      }
      return { kind, node, matches: inUniverse && count >= atLeast, count, events, near } as NodeEvaluation;
    },
  };
}

const byId = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);

const newestEvents = (a: TraitEventFacts, b: TraitEventFacts): number =>
  b.occurred_at - a.occurred_at || byId(a.event_id, b.event_id);

/** By the largest T of the cart's events. */
const newestCarts = (a: CartFacts, b: CartFacts): number =>
  (b.last_event_at ?? b.created_at ?? 0) - (a.last_event_at ?? a.created_at ?? 0) || byId(a.cart_id, b.cart_id);

/** Whether a trait event counts at all: of this trait, concluded and not retracted at the time that is asked about. */
const countsAt =
  ({ trait }: TraitNode, { knownAtMs }: EvaluateOptions) =>
  (event: TraitEventFacts): boolean =>
    event.trait === trait &&
    (knownAtMs === undefined
      ? event.retracted_at === null
      : event.detected_at <= knownAtMs && (event.retracted_at === null || event.retracted_at > knownAtMs));

function eventAt(node: TraitNode, { nowMs, zone }: EvaluateOptions): Rule<TraitEventFacts> {
  const bounds = node.time ? boundsOf(node.time, nowMs, zone) : OPEN;
  const timeless = eventRule(node);
  return (event) => {
    const fails = timeless(event);
    if (event.occurred_at > nowMs || !isWithin(event.occurred_at, bounds)) fails.push('time');
    if (node.recovered !== undefined && isRecovered(event, nowMs) !== node.recovered) fails.push('recovered');
    return fails;
  };
}

function nextAt(node: TraitNode, { nowMs, zone }: EvaluateOptions): Rule<CartFacts> {
  const bounds = boundsOf(node.time!, nowMs, zone);
  const timeless = nextRule(node);
  return (cart) => {
    const { fails, dueAtMs } = timeless(cart);
    if (dueAtMs === null || !isWithin(dueAtMs, bounds)) fails.push('time');
    return fails;
  };
}

function dwellAt(node: DwellNode, { nowMs, zone }: EvaluateOptions): Rule<CartFacts> {
  const { amount, unit } = node.dwell.for;
  const latestMs = step(nowMs, -amount, unit, zone);
  const timeless = dwellRule(node);
  return (cart) => {
    const { fails, sinceMs } = timeless(cart);
    if (sinceMs === null || latestMs === null || sinceMs > latestMs) fails.push('for');
    return fails;
  };
}
