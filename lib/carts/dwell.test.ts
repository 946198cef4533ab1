import { describe, expect, it } from 'vitest';
import type { CartSnapshot } from '../../schemas/types.ts';
import { TestCart } from './testing/cart.ts';
import { history, rest } from './testing/histories.ts';
import { compare, repeats } from './testing/oracle-events.ts';
import { randomFrom } from './testing/random.ts';

/** Statuses had by the histories below, in any subset a list of a `dwell`. */
const LISTS = [
  ['pending'],
  ['verification', 'preparing'],
  ['verification', 'staff_member_review', 'preparing', 'ready_for_pickup'],
  ['on_hold', 'delivery_arrived', 'finished'],
  ['cancelled', 'dismissed', 'pending', 'with_review', 'finished', 'finished_without_review'],
];

/** What a reader of the snapshot concludes: since when the current status has been one of the list; null if it is not. */
function sinceBySnapshot({ status, statuses, first_status_at }: CartSnapshot, list: readonly string[]): number | null {
  if (status === null || !list.includes(status)) return null;
  const left = statuses.filter((stay) => !list.includes(stay.status)).map((stay) => stay.left_at!);
  return left.length === 0 ? first_status_at : Math.max(...left);
}

/** Semantics §5, literally: the change after which all statuses have been in the list. */
function sinceByWalk(changes: readonly { status: string; at: number }[], list: readonly string[]): number | null {
  let since: number | null = null;
  for (const { status, at } of changes) {
    if (!list.includes(status)) since = null;
    else since ??= at;
  }
  return since;
}

describe('the statuses of a snapshot', () => {
  it('give the time since which a cart has been in any list of statuses', () => {
    let inList = 0;
    for (let seed = 1; seed <= 600; seed++) {
      const random = randomFrom(seed);
      const cart = new TestCart();
      const steps = history(random, { events: 14, span: 200, ordered: 0.8 });
      for (const { logTime, event } of steps) {
        if (event === null) cart.tick(logTime);
        else cart.deliver(event, logTime);
      }
      cart.tick(rest(steps));
      const snapshot = cart.snapshot();
      const changes = cart.traits().filter(({ trait }) => trait === 'cart_status_updated');
      const accepted = steps.flatMap(({ event }) => (event?.kind === 'cart_status' ? [event] : []));
      const first = accepted.filter((event, i) => !accepted.slice(0, i).some((before) => repeats(event, before)));
      const walk: { status: string; at: number }[] = [];
      for (const { status, occurred_at } of first.sort(compare)) {
        if (walk.at(-1)?.status !== status) walk.push({ status: status ?? '', at: occurred_at });
      }
      expect(changes).toHaveLength(walk.length);
      for (const list of LISTS) {
        const since = sinceByWalk(walk, list);
        expect(sinceBySnapshot(snapshot, list)).toBe(since);
        if (since !== null) inList++;
      }
    }
    expect(inList).toBeGreaterThan(200);
  });
});
