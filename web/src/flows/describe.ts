/** A flow in plain English: what starts it, what ends it, and what each node does. */
import { inWords } from '../../../lib/audiences/text/words.ts';
import {
  DEFAULT_EXPIRES_AFTER_MINUTES,
  DEFAULT_MAX_AGE_MINUTES,
  DEFAULT_REENTRY,
  DEFAULT_WITHIN,
  edgesOf,
  exitsOf,
  isMessage,
  type Edge,
  type ExitCondition,
  type Flow,
  type FlowNode,
  type FlowSpan,
  type Leaf,
  type MessageNode,
  type NodeType,
  type Scope,
  type SplitNode,
  type Until,
} from '../../../lib/flows/definition.ts';
import { nodeLabel } from '../design/flow-words.ts';
import { capitalised } from '../design/words.ts';

/** `4 hours`, `1 day`. */
export const spanWords = ({ amount, unit }: FlowSpan): string =>
  `${amount.toLocaleString('en-US')} ${amount === 1 ? unit.slice(0, -1) : unit}`;

/** A condition on one trait event, about somebody: `has abandoned a cart in the last 30 minutes`. */
const eventWords = (leaf: Leaf): string =>
  inWords(leaf)
    .replace(/^People who have /, 'has ')
    .replace(/\.$/, '');

/** What starts a run: `somebody has abandoned a cart`, `an order changes to preparing`. */
function startWords(leaf: Leaf): string {
  const words = eventWords(leaf);
  const change = words.replace(/^has had an order change/, 'an order changes');
  return change === words ? `somebody ${words}` : change;
}

const SCOPES: Readonly<Record<Scope, string>> = { cart: 'with the cart of the run', person: 'with any cart' };

/** What ends a run, as a sentence. */
function exitWords(exit: ExitCondition): string {
  if ('activity' in exit) return 'The person returns to the cart.';
  if ('checkout' in exit)
    return exit.checkout === 'cart' ? 'The cart of the run is ordered.' : 'The person orders, with any cart.';
  return `The person ${eventWords(exit.event)}, ${SCOPES[exit.of]}.`;
}

function reentryWords({ reentry = DEFAULT_REENTRY }: Flow): string {
  const { rule, per, cooldown } = reentry;
  const rules = {
    always: 'At any time, also while other runs are live',
    after_exit: `One live run per ${per}`,
    once: `Once per ${per}`,
  };
  return `${rules[rule]}${cooldown === undefined ? '' : `, at least ${spanWords(cooldown)} after the last start`}.`;
}

/** What holds for the flow as a whole. */
export interface Fact {
  label: string;
  lines: string[];
}

export function factsOf(flow: Flow): Fact[] {
  const { triggers, max_age_minutes: age = DEFAULT_MAX_AGE_MINUTES, audience, while: held, goal } = flow;
  const exits = exitsOf(flow).map(exitWords);
  const isPast = triggers.some(({ time }) => time?.operator !== 'in_next');
  const late = isPast ? [`Events older than ${spanWords({ amount: age, unit: 'minutes' })} start nothing.`] : [];
  return [
    { label: 'Starts when', lines: [...triggers.map((leaf) => `${capitalised(startWords(leaf))}.`), ...late] },
    { label: 'Who may enter', lines: [audience === undefined ? 'Everyone.' : inWords(audience)] },
    { label: 'How often', lines: [reentryWords(flow)] },
    ...(held === undefined ? [] : [{ label: 'Must hold before every message', lines: [inWords(held)] }]),
    { label: 'Ends early when', lines: exits.length === 0 ? ['Nothing ends it early.'] : exits },
    ...(goal === undefined ? [] : [{ label: 'Goal', lines: [goalWords(goal)] }]),
  ];
}

function goalWords(goal: NonNullable<Flow['goal']>): string {
  const within = `within ${spanWords(goal.within ?? DEFAULT_WITHIN)} of a message`;
  return 'checkout' in goal
    ? `The person orders ${within}.`
    : `The person ${eventWords(goal.event)}, ${SCOPES[goal.of]}, ${within}.`;
}

/** A part of a message as it was written. */
export interface Template {
  label: string;
  text: string;
}

export interface NodeView {
  id: string;
  type: NodeType;
  label: string;
  /** What it does, as a sentence. */
  does: string;
  templates: Template[];
  /** Where a run continues; `to` null: the run is completed. */
  edges: { when: string; to: Edge }[];
  /** It is a message, of which the report counts outcomes. */
  isMessage: boolean;
}

function untilWords({ time, zone, days }: Until): string {
  const on = days === undefined || days.length === 0 ? '' : ` on ${days.map(nodeLabel).join(', ')}`;
  return `Waits until ${time}${on} in the time zone of the ${zone}.`;
}

function splitWords(node: SplitNode): string {
  if ('percent' in node) return `Takes the first way for ${node.percent} % of the runs.`;
  if ('trigger' in node)
    return `Asks whether, by the event that started the run, the person ${eventWords(node.trigger)}.`;
  const audience = inWords(node.if).replace(/\.$/, '');
  return `Asks whether the person is now among: ${audience.charAt(0).toLowerCase()}${audience.slice(1)}.`;
}

const NAMES: Readonly<Record<MessageNode['type'], string>> = {
  sms: 'Sends an SMS',
  email: 'Sends an email',
  webhook: 'Calls a webhook',
};

function messageWords(node: MessageNode): string {
  const { class: kind = 'marketing', expires_after_minutes: minutes = DEFAULT_EXPIRES_AFTER_MINUTES } = node;
  const pool = node.type === 'webhook' ? undefined : node.code_pool;
  const code = pool === undefined ? '' : ` With a code of “${pool}”.`;
  const limit = spanWords({ amount: minutes, unit: 'minutes' });
  return `${NAMES[node.type]}, ${kind}, at most ${limit} after it was due.${code}`;
}

function doesOf(node: FlowNode): string {
  switch (node.type) {
    case 'wait':
      return 'for' in node ? `Waits ${spanWords(node.for)}.` : untilWords(node.until);
    case 'wait_for': {
      const what =
        'checkout' in node
          ? node.checkout === 'cart'
            ? 'the cart of the run is ordered'
            : 'the person orders, with any cart'
          : `the person ${eventWords(node.event)}, ${SCOPES[node.of]}`;
      return `Waits until ${what}; at most ${spanWords(node.timeout)}.`;
    }
    case 'split':
      return splitWords(node);
    case 'exit':
      return node.reason === undefined ? 'Completes the run.' : `Completes the run: ${node.reason}.`;
    case 'sms':
    case 'email':
    case 'webhook':
      return messageWords(node);
  }
}

function templatesOf(node: FlowNode): Template[] {
  const parts: [string, string | undefined][] =
    node.type === 'sms'
      ? [['Text', node.text]]
      : node.type === 'email'
        ? [
            ['From', node.from],
            ['Subject', node.subject],
            ['Preheader', node.preheader],
            ['HTML', node.html],
            ['Text', node.text],
          ]
        : node.type === 'webhook'
          ? [
              ['URL', node.url],
              ['Body', node.body],
            ]
          : [];
  return parts.flatMap(([label, text]) => (text === undefined ? [] : [{ label, text }]));
}

/** When a run takes an edge. Without a word there is one way only. */
function whenOf(node: FlowNode, edge: string): string {
  if (node.type === 'wait_for') return edge === 'next' ? 'when it happens' : 'when the time is up';
  if (node.type === 'split') {
    if ('percent' in node) return edge === 'then' ? `for ${node.percent} %` : 'for the others';
    return edge === 'then' ? 'if yes' : 'if no';
  }
  if (edge === 'else') return 'if it was not sent';
  return isMessage(node) && node.else !== undefined ? 'when sent' : 'then';
}

const viewOf = (id: string, node: FlowNode): NodeView => ({
  id,
  type: node.type,
  label: nodeLabel(id),
  does: doesOf(node),
  templates: templatesOf(node),
  edges: edgesOf(node).map(({ name, to }) => ({ when: whenOf(node, name), to })),
  isMessage: isMessage(node),
});

/** The nodes in the order in which a run reaches them, one way after the other; those that no run reaches come last. */
export function nodesOf({ start, nodes }: Flow): NodeView[] {
  const ordered = new Map<string, NodeView>();
  const visit = (id: string): void => {
    const node = Object.hasOwn(nodes, id) ? nodes[id] : undefined;
    if (node === undefined || ordered.has(id)) return;
    ordered.set(id, viewOf(id, node));
    for (const { to } of edgesOf(node)) if (to !== null) visit(to);
  };
  visit(start);
  for (const id of Object.keys(nodes)) visit(id);
  return [...ordered.values()];
}

/** What starts the flow, in a line. */
export const summaryOf = ({ triggers }: Flow): string => `Starts when ${triggers.map(startWords).join(' or ')}.`;
