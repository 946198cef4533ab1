/** What `in_next` and `dwell` ask of carts in their current state, in SQL. `carts.ts` asks the same in this process. */
import { statusText } from '../jane/fields.ts';
import { describeStatus, STATUSES } from '../jane/statuses.ts';
import { step } from '../time/index.ts';
import { boundsOf } from './bounds.ts';
import { DELIVERY, NEXT_STATUSES, type NextStatus } from './carts.ts';
import { OF_WORKSPACE, sharedConditions, type Parameters } from './conditions.ts';
import type { DwellNode, TraitNode } from './tree.ts';

/** What is due to happen, of the carts of a workspace. */
export function nextConditions(node: TraitNode, parameters: Parameters, nowMs: number, zone: string): string[] {
  const { fromMs, toMs } = boundsOf(node.time!, nowMs, zone);
  const dueAt = node.trait === 'cart_abandoned' ? 'due_at' : 'reservation_start_at';
  const wanted = new Set(node.status?.length ? node.status.map(statusText) : NEXT_STATUSES);
  const expected = NEXT_STATUSES.filter((status) => wanted.has(status)).map(isExpectedAt);
  return [
    OF_WORKSPACE,
    `${dueAt} >= ${parameters.instant(fromMs!)}`,
    ...(toMs === null ? [] : [`${dueAt} <= ${parameters.instant(toMs)}`]),
    ...(node.trait === 'cart_abandoned' ? [] : [`(${expected.join(' OR ')})`]),
    ...sharedConditions(node, parameters),
  ];
}

const quoted = (statuses: readonly { status: string }[]): string =>
  `(${statuses.map(({ status }) => `'${status}'`).join(', ')})`;

/** A cart is expected at a status: an open order that never had it and is not past it. */
function isExpectedAt(expected: NextStatus): string {
  const rank = describeStatus(expected)!.rank!;
  const others = STATUSES.filter(
    (other) =>
      other.terminal ||
      ['pending', 'finished', expected].includes(other.status) ||
      (other.rank !== null && other.rank > rank),
  );
  const mode = expected === 'delivery_started' ? `mode = '${DELIVERY}'` : `(mode IS NULL OR mode != '${DELIVERY}')`;
  return `(status NOT IN ${quoted(others)} AND ${mode} AND NOT has(statuses.status, '${expected}'))`;
}

/** A cart that has been in one of the listed statuses for long enough: it had left every other status by then. */
export function dwellConditions({ dwell }: DwellNode, parameters: Parameters, nowMs: number, zone: string): string[] {
  const { amount, unit } = dwell.for;
  const latestMs = step(nowMs, -amount, unit, zone);
  if (latestMs === null) return [OF_WORKSPACE, 'false'];
  const latest = parameters.instant(latestMs);
  const statuses = dwell.status.map(statusText);
  return [
    OF_WORKSPACE,
    ...parameters.anyOf(statuses, (list) => `status IN ${list}`),
    // Rows of releases that did not write statuses have only the latest change.
    `if(empty(statuses), status_since, first_status_at) <= ${latest}`,
    ...parameters.anyOf(dwell.store_id, (list) => `store_id IN ${list}`),
    `arrayAll((stay, left_at) -> ${parameters
      .anyOf(statuses, (list) => `stay IN ${list}`)
      .join('')} OR left_at IS NULL OR left_at <= ${latest}, statuses.status, statuses.left_at)`,
  ];
}
