import { describeStatus } from '../../jane/statuses.ts';
import type { Audience, DwellNode, TimeCondition, TraitNode } from '../tree.ts';
import { durationText, simplified } from './render.ts';

/** An audience as one plain English sentence. */
export function inWords(audience: Audience): string {
  const simple = simplified(audience);
  return 'everyone' in simple ? 'Everyone.' : `People who ${phrase(simple)}.`;
}

function phrase(node: Audience): string {
  if ('and' in node) return combined('and', node.and);
  if ('or' in node) return combined('or', node.or);
  if ('not' in node) return negated(node.not);
  if ('everyone' in node) return 'are in this workspace';
  return 'dwell' in node ? `have ${order(node)}` : `have ${event(node)}`;
}

function negated(node: Audience): string {
  if ('not' in node) return phrase(node.not);
  if ('everyone' in node) return 'are not in this workspace';
  if ('trait' in node && node.time?.operator !== 'in_next') return `have not ${event(node)}`;
  return `are not among those who ${part(node)}`;
}

const combined = (kind: 'and' | 'or', children: readonly Audience[]): string => children.map(part).join(` ${kind} `);

/** A child that is itself a combination stands in parentheses. */
const part = (node: Audience): string => ('and' in node || 'or' in node ? `(${phrase(node)})` : phrase(node));

function event(node: TraitNode): string {
  const ahead = node.time?.operator === 'in_next';
  const times = node.at_least ?? 1;
  const parts = [ahead ? expected(node, times) : happened(node, times)];
  if (node.time !== undefined) parts.push(when(node.time));
  const { amount } = node;
  const bounds = [
    ...(amount?.min === undefined ? [] : [`at least ${amount.min}`]),
    ...(amount?.max === undefined ? [] : [`at most ${amount.max}`]),
  ];
  if (bounds.length > 0) parts.push(`worth ${bounds.join(' and ')}`);
  if (node.store_id?.length) parts.push(`at store ${anyOf(node.store_id)}`);
  if (node.mode?.length) parts.push(`for ${anyOf(node.mode)}`);
  if (node.product_id?.length) parts.push(`with product ${anyOf(node.product_id)}`);
  if (node.recovered !== undefined)
    parts.push(node.recovered ? 'and came back to order' : 'without coming back to order');
  if (node.anomaly !== undefined) parts.push(node.anomaly ? 'in an unusual way' : 'in the usual way');
  return parts.join(' ');
}

function happened({ trait, status }: TraitNode, times: number): string {
  const often = times === 1 ? '' : ` at least ${times} times`;
  if (trait === 'cart_abandoned') return `abandoned a cart${often}`;
  const to = status?.length ? `to ${anyStatusOf(status)}` : 'status';
  return `had an order change ${to}${often}`;
}

function expected({ trait, status }: TraitNode, times: number): string {
  const carts = times === 1 ? '' : `at least ${times} of: `;
  if (trait === 'cart_abandoned') return `${carts}an open cart that counts as abandoned`;
  return `${carts}an order that is expected to be ${anyStatusOf(status?.length ? status : ['ready_for_pickup', 'delivery_started'])}`;
}

function order({ dwell }: DwellNode): string {
  const store = dwell.store_id?.length ? ` at store ${anyOf(dwell.store_id)}` : '';
  return `an order${store} that has been ${anyStatusOf(dwell.status)} for at least ${durationText(dwell.for)}`;
}

function when(time: TimeCondition): string {
  switch (time.operator) {
    case 'after':
    case 'on':
    case 'before':
      return `${time.operator} ${time.date}`;
    case 'between':
      return `from ${time.from} to ${time.to}`;
    case 'in_last':
      return `in the last ${durationText(time)}`;
    case 'in_next':
      return `within the next ${durationText(time)}`;
  }
}

const quoted = (value: string): string => (/^[\w.-]+$/.test(value) ? value : JSON.stringify(value));

/** A status that is documented is spelled as words: `ready for pickup`. */
const statusInWords = (status: string): string =>
  describeStatus(status) === undefined ? quoted(status) : status.replaceAll('_', ' ');

const anyOf = (values: readonly string[]): string => alternatives(values.map(quoted));
const anyStatusOf = (statuses: readonly string[]): string => alternatives(statuses.map(statusInWords));

function alternatives(shown: readonly string[]): string {
  return shown.length === 1 ? (shown[0] ?? '') : `${shown.slice(0, -1).join(', ')} or ${shown[shown.length - 1]}`;
}
