/** The definition of a flow: what is stored, published and sent over the API. Absent members have the defaults named here. */
import type { Audience, TraitNode } from '../audiences/index.ts';
import type { Unit } from '../time/index.ts';

/** A condition on one trait event. */
export type Leaf = Omit<TraitNode, 'at_least' | 'recovered'>;

/** Whose events count: those of the run's cart, or of its person. */
export type Scope = 'cart' | 'person';

/** An amount of time. Minutes and hours are exact, the others are steps of the workspace's calendar. */
export interface Span {
  amount: number;
  unit: Unit;
}

/** As {@link Span}, with seconds. */
export interface FlowSpan {
  amount: number;
  unit: Unit | 'seconds';
}

/** A node id; null or absent: the run is completed. */
export type Edge = string | null;

export interface CheckoutCondition {
  checkout: Scope;
}
export interface EventCondition {
  event: Leaf;
  of: Scope;
}
export interface ActivityCondition {
  activity: 'cart';
}

export type ExitCondition = CheckoutCondition | ActivityCondition | EventCondition;
/** `within` is 14 days if absent. */
export type Goal = ({ checkout: 'person' } | EventCondition) & { within?: Span };

export const REENTRY_RULES = ['always', 'after_exit', 'once'] as const;

export interface Reentry {
  rule: (typeof REENTRY_RULES)[number];
  per: Scope;
  /** Since the last start. */
  cooldown?: Span;
}

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
export type Weekday = (typeof WEEKDAYS)[number];

/** The next such local time later than now. */
export interface Until {
  /** HH:MM */
  time: string;
  zone: 'person' | 'workspace';
  days?: Weekday[];
}

export type WaitNode = { type: 'wait'; next?: Edge } & ({ for: FlowSpan } | { until: Until });

export type WaitForNode = { type: 'wait_for'; timeout: FlowSpan; next?: Edge; on_timeout?: Edge } & (
  EventCondition | CheckoutCondition
);

export type SplitNode = { type: 'split'; then?: Edge; else?: Edge } & (
  { if: Audience } | { trigger: Leaf } | { percent: number }
);

export type MessageClassName = 'marketing' | 'transactional';

interface MessageBase {
  /** Default: marketing. */
  class?: MessageClassName;
  /** Default: 60. */
  expires_after_minutes?: number;
  next?: Edge;
  /** After a message that was not sent. Absent: `next`. */
  else?: Edge;
}

interface WithCode {
  code_pool?: string;
  /** Default: skip. */
  if_no_code?: 'skip' | 'send';
}

export interface SmsNode extends MessageBase, WithCode {
  type: 'sms';
  text: string;
}

export interface EmailNode extends MessageBase, WithCode {
  type: 'email';
  subject: string;
  html: string;
  text?: string;
  preheader?: string;
  from?: string;
}

export interface WebhookNode extends MessageBase {
  type: 'webhook';
  url: string;
  headers?: Record<string, string>;
  /** Liquid that renders to JSON. */
  body?: string;
}

export interface ExitNode {
  type: 'exit';
  reason?: string;
}

export type MessageNode = SmsNode | EmailNode | WebhookNode;
export type FlowNode = WaitNode | WaitForNode | SplitNode | MessageNode | ExitNode;
export type NodeType = FlowNode['type'];

export interface Flow {
  name: string;
  /** 1 to 8. */
  triggers: Leaf[];
  /** Default: 60. */
  max_age_minutes?: number;
  /** Who may enter. Absent: everyone. */
  audience?: Audience;
  /** Must hold before every message. Absent: not asked. */
  while?: Audience;
  reentry?: Reentry;
  exit_on?: ExitCondition[];
  goal?: Goal;
  start: string;
  nodes: Record<string, FlowNode>;
}

export const DEFAULT_MAX_AGE_MINUTES = 60;
export const DEFAULT_EXPIRES_AFTER_MINUTES = 60;
export const DEFAULT_REENTRY: Reentry = { rule: 'after_exit', per: 'cart' };
export const DEFAULT_WITHIN: Span = { amount: 14, unit: 'days' };

const ABANDONED_EXITS: readonly ExitCondition[] = [{ checkout: 'person' }, { activity: 'cart' }];

export const hasAbandonedTrigger = ({ triggers }: Pick<Flow, 'triggers'>): boolean =>
  triggers.some(({ trait }) => trait === 'cart_abandoned');

/** What ends a run of this flow at any time. */
export const exitsOf = (flow: Flow): readonly ExitCondition[] =>
  flow.exit_on ?? (hasAbandonedTrigger(flow) ? ABANDONED_EXITS : []);

export const isMessage = (node: FlowNode): node is MessageNode =>
  node.type === 'sms' || node.type === 'email' || node.type === 'webhook';

/** The edges of a node, in the order in which a run that is moved looks for its next node. */
export function edgesOf(node: FlowNode): { name: string; to: Edge }[] {
  switch (node.type) {
    case 'wait':
      return [{ name: 'next', to: node.next ?? null }];
    case 'wait_for':
      return [
        { name: 'next', to: node.next ?? null },
        { name: 'on_timeout', to: node.on_timeout ?? null },
      ];
    case 'split':
      return [
        { name: 'then', to: node.then ?? null },
        { name: 'else', to: node.else ?? null },
      ];
    case 'sms':
    case 'email':
    case 'webhook':
      return [
        { name: 'next', to: node.next ?? null },
        ...(node.else === undefined ? [] : [{ name: 'else', to: node.else }]),
      ];
    case 'exit':
      return [];
  }
}

/** Where a run continues after a message that was not sent. */
export const elseOf = (node: MessageNode): Edge => (node.else === undefined ? (node.next ?? null) : node.else);
