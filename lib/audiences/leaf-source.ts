/** Which rows a leaf counts, in SQL. */
import { boundsOf, OPEN } from './bounds.ts';
import { dwellConditions, nextConditions } from './cart-conditions.ts';
import { eventConditions, type Parameters } from './conditions.ts';
import type { DwellNode, TraitNode } from './tree.ts';

/** What the rows of a leaf depend on besides the leaf. */
export interface SourceOptions {
  /** The tables that hold trait events and carts. */
  tables: { traitEvents: string; carts: string };
  zone: string;
  nowMs: number;
  knownAtMs?: number;
}

/** A leaf's table, and what it asks of rows there. The query has parameters `now_ms` and, if it is given, `known_at_ms`. */
export function sourceOf(
  node: TraitNode | DwellNode,
  options: SourceOptions,
  parameters: Parameters,
): { table: string; conditions: string[] } {
  const { tables, nowMs, zone } = options;
  if ('dwell' in node) return { table: tables.carts, conditions: dwellConditions(node, parameters, nowMs, zone) };
  return node.time?.operator === 'in_next'
    ? { table: tables.carts, conditions: nextConditions(node, parameters, nowMs, zone) }
    : { table: tables.traitEvents, conditions: conditionsOf(node, options, parameters) };
}

/** How many rows of one person it takes. */
export const atLeastOf = (node: TraitNode | DwellNode): number => ('dwell' in node ? 1 : (node.at_least ?? 1));

function conditionsOf(node: TraitNode, options: SourceOptions, parameters: Parameters): string[] {
  const { nowMs, zone } = options;
  const { fromMs, toMs } = node.time ? boundsOf(node.time, nowMs, zone) : OPEN;
  const conditions = eventConditions(node, parameters);
  if (fromMs !== null) conditions.push(`occurred_at >= ${parameters.instant(fromMs)}`);
  conditions.push(`occurred_at <= ${parameters.instant(Math.min(toMs ?? Infinity, nowMs))}`);
  if (node.recovered !== undefined) {
    const recovered = `(recovered_at IS NOT NULL AND recovered_at <= ${instantParameter('now_ms')})`;
    conditions.push(node.recovered ? recovered : `NOT ${recovered}`);
  }
  if (options.knownAtMs === undefined) return [...conditions, 'retracted_at IS NULL'];
  const knownAt = instantParameter('known_at_ms');
  return [...conditions, `detected_at <= ${knownAt}`, `(retracted_at IS NULL OR retracted_at > ${knownAt})`];
}

/** An instant that is a parameter of its own, with this name; its value is Unix ms. */
export const instantParameter = (name: string): string => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`;
