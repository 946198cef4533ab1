/** A version of a flow, ready to be run. */
import { boundsOf, isWithin } from '../audiences/bounds.ts';
import type { CartFacts, TraitEventFacts } from '../audiences/facts.ts';
import { eventRule, nextRule, type Rule } from '../audiences/rules.ts';
import type { FlowChange, StandingCart } from '../../schemas/types.ts';
import {
  DEFAULT_REENTRY,
  exitsOf,
  type ExitCondition,
  type Flow,
  type FlowNode,
  type Leaf,
  type Reentry,
} from './definition.ts';
import type { Trigger } from './state.ts';

export interface CompiledFlow {
  id: string;
  version: number;
  flow: Flow;
  exits: readonly ExitCondition[];
  reentry: Reentry;
  /** Triggers on trait events. */
  onEvents: readonly Leaf[];
  /** Triggers with `in_next`, which look at carts in their current state. */
  onCarts: readonly Leaf[];
}

export function compileFlow(id: string, version: number, flow: Flow): CompiledFlow {
  const isAhead = ({ time }: Leaf): boolean => time?.operator === 'in_next';
  return {
    id,
    version,
    flow,
    exits: exitsOf(flow),
    reentry: flow.reentry ?? DEFAULT_REENTRY,
    onEvents: flow.triggers.filter((leaf) => !isAhead(leaf)),
    onCarts: flow.triggers.filter(isAhead),
  };
}

export const nodeOf = ({ flow }: CompiledFlow, id: string): FlowNode | undefined =>
  Object.hasOwn(flow.nodes, id) ? flow.nodes[id] : undefined;

/** What a leaf asks of a trait event. */
type EventFacts = Pick<FlowChange, 'trait' | 'status' | 'anomaly' | 'store_id' | 'mode' | 'amount' | 'products'>;

const rules = new WeakMap<Leaf, Rule<TraitEventFacts>>();
const nextRules = new WeakMap<Leaf, ReturnType<typeof nextRule>>();

function timeless(leaf: Leaf, facts: EventFacts): boolean {
  if (leaf.trait !== facts.trait) return false;
  let rule = rules.get(leaf);
  if (rule === undefined) rules.set(leaf, (rule = eventRule(leaf)));
  // The rule reads nothing but what `EventFacts` has.
  return rule(facts as TraitEventFacts).length === 0;
}

/** Whether a trait event satisfies a leaf, with its time evaluated at `nowMs`. */
export const satisfies = (
  leaf: Leaf,
  event: EventFacts & { occurred_at: number },
  nowMs: number,
  zone: string,
): boolean =>
  timeless(leaf, event) &&
  event.occurred_at <= nowMs &&
  (leaf.time === undefined || isWithin(event.occurred_at, boundsOf(leaf.time, nowMs, zone)));

/** Whether the trigger event of a run satisfies a leaf without its time. */
export const triggerSatisfies = (
  leaf: Leaf,
  { trait, status, anomaly, storeId, mode, amount, products }: Trigger,
): boolean =>
  timeless(leaf, {
    trait,
    status,
    anomaly,
    store_id: storeId,
    mode,
    amount,
    products: products.map((product_id) => ({ product_id, count: 1, price: null })),
  });

const UNKNOWN_TIMES = {
  status_since: null,
  created_at: null,
  last_event_at: null,
  abandoned_at: null,
  recovered_at: null,
  first_status_at: null,
};

/** A cart as conditions on carts see it. */
export const cartFacts = (cart: string, { had, ...standing }: StandingCart): CartFacts => ({
  ...UNKNOWN_TIMES,
  ...standing,
  cart_id: cart,
  statuses: had.map((status) => ({ status, began_at: 0, left_at: null })),
});

/** The instant that an `in_next` leaf awaits of a cart, without regard to time; null if the cart does not satisfy the rest. */
export function awaitedBy(leaf: Leaf, cart: CartFacts): number | null {
  let rule = nextRules.get(leaf);
  if (rule === undefined) nextRules.set(leaf, (rule = nextRule(leaf)));
  const { fails, dueAtMs } = rule(cart);
  return fails.length === 0 ? dueAtMs : null;
}
