import type { Audience, DwellNode, TimeCondition, TraitNode } from '../tree.ts';

/** The canonical text of an audience. `parseText` parses it to the same tree, except for what `simplified` removes. */
export const renderText = (audience: Audience): string => render(simplified(audience));

/** Without `and` and `or` of one child, and with those that are children of the same kind taken into it. */
export function simplified(node: Audience): Audience {
  if ('not' in node) return { not: simplified(node.not) };
  if ('and' in node) {
    const and = node.and.map(simplified).flatMap((child) => ('and' in child ? child.and : [child]));
    return and.length === 1 && and[0] !== undefined ? and[0] : { and };
  }
  if ('or' in node) {
    const or = node.or.map(simplified).flatMap((child) => ('or' in child ? child.or : [child]));
    return or.length === 1 && or[0] !== undefined ? or[0] : { or };
  }
  return node;
}

function render(node: Audience): string {
  if ('and' in node) return node.and.map(operand).join(' and ');
  // `and` binds closer than `or`: its children need no parentheses.
  if ('or' in node) return node.or.map(render).join(' or ');
  if ('not' in node) return `not ${operand(node.not)}`;
  if ('everyone' in node) return 'everyone';
  return 'dwell' in node ? dwellText(node) : traitText(node);
}

const operand = (node: Audience): string => ('and' in node || 'or' in node ? `(${render(node)})` : render(node));

function traitText(node: TraitNode): string {
  const clauses: string[] = [];
  if (node.at_least !== undefined) clauses.push(`at least ${node.at_least}`);
  clauses.push(node.trait);
  const { status, time, store_id, mode, product_id, amount } = node;
  if (status?.length === 1) clauses.push(`= ${valueText(status[0] ?? '')}`);
  else if (status?.length) clauses.push(`in ${listText(status)}`);
  if (time !== undefined) clauses.push(timeText(time));
  if (node.recovered !== undefined) clauses.push(node.recovered ? 'recovered' : 'not recovered');
  if (node.anomaly !== undefined) clauses.push(node.anomaly ? 'with anomaly' : 'without anomaly');
  if (amount !== undefined) {
    const from = amount.min === undefined ? '' : ` from ${amount.min}`;
    clauses.push(`with amount${from}${amount.max === undefined ? '' : ` to ${amount.max}`}`);
  }
  if (store_id?.length) clauses.push(`at store ${valuesText(store_id)}`);
  if (mode?.length) clauses.push(`by mode ${valuesText(mode)}`);
  if (product_id?.length) clauses.push(`with product ${valuesText(product_id)}`);
  return clauses.join(' ');
}

function dwellText({ dwell }: DwellNode): string {
  const store = dwell.store_id?.length ? ` at store ${valuesText(dwell.store_id)}` : '';
  return `status in ${listText(dwell.status)} for ${durationText(dwell.for)}${store}`;
}

function timeText(time: TimeCondition): string {
  switch (time.operator) {
    case 'after':
    case 'on':
    case 'before':
      return `${time.operator} ${dateText(time.date)}`;
    case 'between':
      return `between ${dateText(time.from)} and ${dateText(time.to)}`;
    case 'in_last':
      return `in last ${durationText(time)}`;
    case 'in_next':
      return `in next ${durationText(time)}`;
  }
}

/** `1 day`, `2 days`. */
export const durationText = ({ amount, unit }: { amount: number; unit: string }): string =>
  `${amount} ${amount === 1 ? unit.slice(0, -1) : unit}`;

const dateText = (date: string): string => (/^[0-9TtZz:.+-]+$/.test(date) ? date : JSON.stringify(date));
const valueText = (value: string): string => (/^\w+$/.test(value) ? value : JSON.stringify(value));
const listText = (values: readonly string[]): string => `(${values.map(valueText).join(', ')})`;
const valuesText = (values: readonly string[]): string =>
  values.length === 1 ? valueText(values[0] ?? '') : listText(values);
