import type { Audience } from '../../audiences/index.ts';
import type { Random } from '../../simulate/random.ts';
import {
  hasAbandonedTrigger,
  isMessage,
  type ExitCondition,
  type Flow,
  type FlowNode,
  type FlowSpan,
  type Goal,
  type Leaf,
  type MessageNode,
  type Reentry,
  type Span,
  type WaitNode,
  type Weekday,
} from '../definition.ts';

/** Generated flows, from a seed. */

export const STATUSES = ['pending', 'verification', 'preparing', 'ready_for_pickup', 'delivery_started', 'cancelled'];
export const STORES = ['s1', 's2'];
export const MODES = ['pickup', 'delivery'];
export const PRODUCTS = ['p1', 'p2'];
export const POOLS = ['spring', 'summer'];
const AUDIENCES: readonly Audience[] = [
  { everyone: true },
  { not: { trait: 'cart_status_updated', status: ['finished'] } },
  { or: [{ trait: 'cart_abandoned' }, { everyone: true }] },
];

const scope = (random: Random) => random.pick(['cart', 'person'] as const);
const maybe = <T>(random: Random, chance: number, make: () => T): T | Record<string, never> =>
  random.chance(chance) ? make() : {};

const span = (random: Random): Span => ({
  amount: random.int(1, 40),
  unit: random.weighted([
    ['minutes', 90],
    ['hours', 6],
    ['days', 4],
  ] as const),
});

const flowSpan = (random: Random): FlowSpan =>
  random.chance(0.1) ? { amount: random.int(30, 600), unit: 'seconds' } : span(random);

const leaf = (random: Random): Leaf => ({
  ...(random.chance(0.35)
    ? { trait: 'cart_abandoned' as const }
    : {
        trait: 'cart_status_updated' as const,
        ...maybe(random, 0.4, () => ({ status: random.chance(0.5) ? [random.pick(STATUSES)] : STATUSES.slice(1, 4) })),
      }),
  ...maybe(random, 0.04, () => ({ store_id: [random.pick(STORES)] })),
  ...maybe(random, 0.04, () => ({ mode: [random.pick(MODES)] })),
  ...maybe(random, 0.04, () => ({ amount: random.chance(0.5) ? { min: 20 } : { max: 20 } })),
  ...maybe(random, 0.04, () => ({ product_id: [random.pick(PRODUCTS)] })),
  ...maybe(random, 0.08, () => ({
    time: { operator: 'in_last' as const, amount: random.int(5, 40), unit: 'minutes' as const },
  })),
});

const ahead = (random: Random): Leaf => ({
  ...(random.chance(0.5)
    ? { trait: 'cart_abandoned' as const }
    : {
        trait: 'cart_status_updated' as const,
        ...maybe(random, 0.4, () => ({ status: [random.pick(['ready_for_pickup', 'delivery_started'])] })),
      }),
  ...maybe(random, 0.2, () => ({ store_id: [random.pick(STORES)] })),
  time: { operator: 'in_next', amount: random.int(20, 90), unit: 'minutes' },
});

const trigger = (random: Random): Leaf => (random.chance(0.25) ? ahead(random) : leaf(random));

const exitCondition = (random: Random): ExitCondition =>
  random.weighted<() => ExitCondition>([
    [() => ({ checkout: scope(random) }), 5],
    [() => ({ activity: 'cart' }), 2],
    [() => ({ event: leaf(random), of: scope(random) }), 3],
  ])();

const goal = (random: Random): Goal => ({
  ...(random.chance(0.6) ? { checkout: 'person' as const } : { event: leaf(random), of: scope(random) }),
  ...maybe(random, 0.5, () => ({ within: { amount: random.int(5, 60), unit: 'minutes' as const } })),
});

const reentry = (random: Random): Reentry => ({
  rule: random.pick(['always', 'after_exit', 'once'] as const),
  per: scope(random),
  ...maybe(random, 0.4, () => ({ cooldown: span(random) })),
});

type EdgeMaker = () => string | null;

function wait(random: Random, edge: EdgeMaker): WaitNode {
  if (random.chance(0.7)) return { type: 'wait', for: flowSpan(random), next: edge() };
  const days = (['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as Weekday[]).filter(() => random.chance(0.5));
  const two = (n: number): string => String(n).padStart(2, '0');
  const until = {
    time: `${two(random.int(0, 23))}:${two(random.int(0, 59))}`,
    zone: random.pick(['person', 'workspace'] as const),
    ...(days.length === 0 ? {} : maybe(random, 0.2, () => ({ days }))),
  };
  return { type: 'wait', until, next: edge() };
}

function message(random: Random, edge: EdgeMaker): MessageNode {
  const base = {
    next: edge(),
    ...maybe(random, 0.4, () => ({ else: edge() })),
    ...maybe(random, 0.2, () => ({ class: 'transactional' as const })),
    ...maybe(random, 0.3, () => ({ expires_after_minutes: random.int(5, 90) })),
  };
  const code = maybe(random, 0.3, () => ({
    code_pool: random.pick(POOLS),
    ...maybe(random, 0.4, () => ({ if_no_code: random.pick(['skip', 'send'] as const) })),
  }));
  return random.weighted<MessageNode>([
    [{ type: 'sms', text: 't', ...base, ...code }, 5],
    [{ type: 'email', subject: 's', html: 'h', ...base, ...code }, 5],
    [{ type: 'webhook', url: 'https://example.com/hook', ...base }, 2],
  ]);
}

function node(random: Random, later: readonly string[]): FlowNode {
  const edge = (): string | null => (later.length > 0 && random.chance(0.9) ? random.pick(later) : null);
  switch (
    random.weighted([
      [0, 2],
      [1, 1],
      [2, 1.5],
      [3, later.length < 2 ? 0.5 : 0],
      [4, 6],
    ] as const)
  ) {
    case 0:
      return wait(random, edge);
    case 1: {
      const rest = { type: 'wait_for' as const, timeout: flowSpan(random), next: edge(), on_timeout: edge() };
      return random.chance(0.5)
        ? { ...rest, checkout: scope(random) }
        : { ...rest, event: leaf(random), of: scope(random) };
    }
    case 2: {
      const rest = { type: 'split' as const, then: edge(), else: edge() };
      const kind = random.pick(['percent', 'trigger', 'if'] as const);
      if (kind === 'if') return { ...rest, if: random.pick(AUDIENCES) };
      return kind === 'percent' ? { ...rest, percent: random.int(1, 99) } : { ...rest, trigger: leaf(random) };
    }
    case 3:
      return { type: 'exit', ...maybe(random, 0.5, () => ({ reason: 'done' })) };
    default:
      return message(random, edge);
  }
}

/** Some of a few names, so that another version has some of the same nodes. Edges lead to later ones. */
function nodes(random: Random): Record<string, FlowNode> {
  const names = ['a', 'b', 'c', 'd', 'e'].filter(() => random.chance(0.75));
  if (names.length === 0) names.push('a');
  return Object.fromEntries(names.map((name, i) => [name, node(random, names.slice(i + 1))]));
}

/** A flow of abandoned carts sends marketing only. */
function allowed(flow: Flow): Flow {
  if (!hasAbandonedTrigger(flow)) return flow;
  const marketing = (node: FlowNode): FlowNode => {
    if (!isMessage(node)) return node;
    const { class: _, ...rest } = node;
    return rest;
  };
  return { ...flow, nodes: Object.fromEntries(Object.entries(flow.nodes).map(([id, one]) => [id, marketing(one)])) };
}

export function generatedFlow(random: Random): Flow {
  const all = nodes(random);
  return allowed({
    name: 'A flow',
    triggers: Array.from({ length: random.int(1, 2) }, () => trigger(random)),
    ...maybe(random, 0.4, () => ({ max_age_minutes: random.int(5, 60) })),
    ...maybe(random, 0.2, () => ({ audience: random.pick(AUDIENCES) })),
    ...maybe(random, 0.25, () => ({ while: random.pick(AUDIENCES) })),
    ...maybe(random, 0.7, () => ({ reentry: reentry(random) })),
    ...maybe(random, 0.5, () => ({ exit_on: Array.from({ length: random.int(0, 2) }, () => exitCondition(random)) })),
    ...maybe(random, 0.6, () => ({ goal: goal(random) })),
    start: Object.keys(all)[0]!,
    nodes: all,
  });
}

const EDGES: readonly string[] = ['next', 'then', 'else', 'on_timeout'];

/** The flow without one of its nodes: edges that lead to it lead to another one. */
function without(random: Random, flow: Flow, gone: string): Flow {
  const rest = Object.keys(flow.nodes).filter((name) => name !== gone);
  const replaced = (from: string, to: unknown): unknown => {
    const later = rest.filter((name) => name > from);
    return to !== gone ? to : later.length > 0 && random.chance(0.5) ? random.pick(later) : null;
  };
  const moved = (name: string): FlowNode =>
    Object.fromEntries(
      Object.entries(flow.nodes[name]!).map(([key, to]) => [key, EDGES.includes(key) ? replaced(name, to) : to]),
    ) as FlowNode;
  const start = flow.start === gone ? rest[0]! : flow.start;
  return { ...flow, start, nodes: Object.fromEntries(rest.map((name) => [name, moved(name)])) };
}

/** A new version of a flow: another one, or the same without a node, or with another one. */
export function nextVersion(random: Random, flow: Flow): Flow {
  if (random.chance(0.2)) return generatedFlow(random);
  const names = Object.keys(flow.nodes);
  // Runs are moved most easily wrong while a message is out.
  const messages = names.filter((name) => isMessage(flow.nodes[name]!));
  const changed = random.pick(messages.length > 0 && random.chance(0.7) ? messages : names);
  if (names.length > 1 && random.chance(0.6)) return without(random, flow, changed);
  const other = node(
    random,
    names.filter((name) => name > changed),
  );
  const waits = maybe(random, 0.3, () => ({ while: random.pick(AUDIENCES) }));
  return allowed({ ...flow, ...waits, nodes: { ...flow.nodes, [changed]: other } });
}
