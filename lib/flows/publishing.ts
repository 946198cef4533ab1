/** What publishing a flow checks beyond its shape: errors prevent it, warnings do not. */
import type { FlowChannel } from '../../schemas/types.ts';
import { leavesOf } from '../audiences/leaves.ts';
import type { Audience } from '../audiences/index.ts';
import {
  edgesOf,
  hasAbandonedTrigger,
  isMessage,
  type Flow,
  type FlowNode,
  type FlowSpan,
  type Leaf,
} from './definition.ts';
import type { FlowIssue } from './parse.ts';

export interface PublishingOptions {
  /** LOG_RETENTION_DAYS: nothing may wait longer. */
  retentionDays: number;
  /** Channels that can send. The default provider keeps messages and shows them, so all are configured at first. */
  channels: ReadonlySet<FlowChannel>;
  /** Unknown variables and filters, and errors of syntax, of one Liquid template; each a sentence. */
  templateProblems(template: string): string[];
}

const DAY_MS = 86_400_000;
/** Upper bounds: a month has at most 31 days, a day with a change of clocks at most 25 hours. */
const UNIT_MS: Record<FlowSpan['unit'], number> = {
  seconds: 1_000,
  minutes: 60_000,
  hours: 3_600_000,
  days: DAY_MS,
  weeks: 7 * DAY_MS,
  months: 31 * DAY_MS,
};
/** Carriers object to marketing messages about an abandonment that are later than this. */
const LATE_SMS_MS = 48 * 3_600_000;

const lengthMs = ({ amount, unit }: FlowSpan): number => amount * UNIT_MS[unit];

export function publishingIssues(
  flow: Flow,
  options: PublishingOptions,
): { errors: FlowIssue[]; warnings: FlowIssue[] } {
  const order = inOrder(flow);
  const errors = [
    ...order.errors,
    ...emptyConditions(flow),
    ...tooLong(flow, options.retentionDays),
    ...messageErrors(flow, options),
  ];
  return { errors, warnings: order.ids === undefined ? [] : smsWarnings(flow, order.ids) };
}

/** The nodes so that every edge leads to a later one. */
function inOrder({ start, nodes }: Flow): { ids?: string[]; errors: FlowIssue[] } {
  const ids: string[] = [];
  const seen = new Map<string, 'open' | 'done'>();
  const errors: FlowIssue[] = [];
  const visit = (id: string): void => {
    seen.set(id, 'open');
    for (const { name, to } of edgesOf(nodes[id]!)) {
      if (to === null) continue;
      const state = seen.get(to);
      if (state === 'open') errors.push({ path: ['nodes', id, name], message: `leads back to "${to}": a cycle` });
      else if (state === undefined) visit(to);
    }
    seen.set(id, 'done');
    ids.unshift(id);
  };
  visit(start);
  for (const id of Object.keys(nodes))
    if (!seen.has(id)) errors.push({ path: ['nodes', id], message: 'cannot be reached from the start' });
  return errors.length === 0 ? { ids, errors } : { errors };
}

/** Every condition of a flow, with its path. */
function* conditionsOf(flow: Flow): Generator<{ path: PropertyKey[]; audience: Audience }> {
  for (const [i, audience] of flow.triggers.entries()) yield { path: ['triggers', i], audience };
  if (flow.audience !== undefined) yield { path: ['audience'], audience: flow.audience };
  if (flow.while !== undefined) yield { path: ['while'], audience: flow.while };
  for (const [i, exit] of (flow.exit_on ?? []).entries())
    if ('event' in exit) yield { path: ['exit_on', i, 'event'], audience: exit.event };
  if (flow.goal !== undefined && 'event' in flow.goal) yield { path: ['goal', 'event'], audience: flow.goal.event };
  for (const [id, node] of Object.entries(flow.nodes)) {
    if (node.type === 'wait_for' && 'event' in node) yield { path: ['nodes', id, 'event'], audience: node.event };
    if (node.type === 'split' && 'if' in node) yield { path: ['nodes', id, 'if'], audience: node.if };
    if (node.type === 'split' && 'trigger' in node) yield { path: ['nodes', id, 'trigger'], audience: node.trigger };
  }
}

/** A list without values would be ignored: it is probably not finished. */
function emptyConditions(flow: Flow): FlowIssue[] {
  return [...conditionsOf(flow)].flatMap(({ path, audience }) =>
    leavesOf(audience).flatMap((leaf) => {
      const lists = 'trait' in leaf ? leaf : leaf.dwell;
      return (['status', 'store_id', 'mode', 'product_id'] as const)
        .filter((key) => key in lists && (lists as Leaf)[key]?.length === 0)
        .map((key) => ({ path, message: `has an empty list of ${key}: name a value, or remove it` }));
    }),
  );
}

function tooLong(flow: Flow, retentionDays: number): FlowIssue[] {
  const message = `must not be longer than ${retentionDays} days, the retention of the log`;
  const spans: [PropertyKey[], FlowSpan | undefined][] = [[['reentry', 'cooldown'], flow.reentry?.cooldown]];
  for (const [id, node] of Object.entries(flow.nodes)) {
    if (node.type === 'wait' && 'for' in node) spans.push([['nodes', id, 'for'], node.for]);
    if (node.type === 'wait_for') spans.push([['nodes', id, 'timeout'], node.timeout]);
  }
  return spans.flatMap(([path, span]) =>
    span !== undefined && lengthMs(span) > retentionDays * DAY_MS ? [{ path, message }] : [],
  );
}

/** The texts of a message that are templates, by their names. */
function templatesOf(node: FlowNode): [string, string][] {
  const texts =
    node.type === 'sms'
      ? { text: node.text }
      : node.type === 'email'
        ? { subject: node.subject, html: node.html, text: node.text, preheader: node.preheader }
        : node.type === 'webhook'
          ? { body: node.body }
          : {};
  return Object.entries(texts).filter((entry): entry is [string, string] => entry[1] !== undefined);
}

const UNSUBSCRIBE = /\{\{-?\s*unsubscribe_url\b/;

function messageErrors(flow: Flow, { channels, templateProblems }: PublishingOptions): FlowIssue[] {
  const errors: FlowIssue[] = [];
  for (const [id, node] of Object.entries(flow.nodes)) {
    if (!isMessage(node)) continue;
    const at = (name: string): PropertyKey[] => ['nodes', id, name];
    if (!channels.has(node.type))
      errors.push({ path: at('type'), message: `the channel ${node.type} is not configured` });
    for (const [name, template] of templatesOf(node)) {
      if (template.trim() === '' && (name === 'text' || name === 'subject' || name === 'html'))
        errors.push({ path: at(name), message: 'must not be empty' });
      for (const message of templateProblems(template)) errors.push({ path: at(name), message });
    }
    if (node.type === 'email' && node.class !== 'transactional' && !UNSUBSCRIBE.test(node.html))
      errors.push({ path: at('html'), message: 'marketing email must contain {{ unsubscribe_url }}' });
  }
  return errors;
}

const OPT_OUT = /\b(stop|unsubscribe|opt[- ]?out|quit|cancel|end)\b/i;

/** What carriers object to. */
function smsWarnings(flow: Flow, ids: readonly string[]): FlowIssue[] {
  const warnings: FlowIssue[] = [];
  for (const id of ids) {
    const node = flow.nodes[id]!;
    if (node.type !== 'sms' || node.class === 'transactional') continue;
    const path = ['nodes', id, 'text'];
    if (!/workspace\.name/.test(node.text))
      warnings.push({ path, message: 'does not name the sender: add {{ workspace.name }}' });
    if (!OPT_OUT.test(node.text))
      warnings.push({ path, message: 'does not say how to opt out: add "Reply STOP to opt out."' });
  }
  if (hasAbandonedTrigger(flow)) warnings.push(...abandonmentWarnings(flow, ids));
  return warnings;
}

/** More than one marketing SMS for one abandonment, or a late one: the most and the latest over all ways to a node. */
function abandonmentWarnings({ nodes, start }: Flow, ids: readonly string[]): FlowIssue[] {
  const warnings: FlowIssue[] = [];
  const before = new Map<string, { messages: number; ms: number }>([[start, { messages: 0, ms: 0 }]]);
  for (const id of ids) {
    const node = nodes[id]!;
    const { messages, ms } = before.get(id)!;
    const isSms = node.type === 'sms';
    if (isSms && messages > 0)
      warnings.push({ path: ['nodes', id], message: 'is not the first marketing SMS about the same abandonment' });
    if (isSms && ms > LATE_SMS_MS)
      warnings.push({ path: ['nodes', id], message: 'may be sent more than 48 hours after the abandonment' });
    const passedMs =
      node.type === 'wait'
        ? 'for' in node
          ? lengthMs(node.for)
          : DAY_MS
        : node.type === 'wait_for'
          ? lengthMs(node.timeout)
          : 0;
    for (const { to } of edgesOf(node)) {
      if (to === null) continue;
      const known = before.get(to) ?? { messages: 0, ms: 0 };
      before.set(to, {
        messages: Math.max(known.messages, messages + (isSms ? 1 : 0)),
        ms: Math.max(known.ms, ms + passedMs),
      });
    }
  }
  return warnings;
}
