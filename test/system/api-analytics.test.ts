import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randomFrom } from '../../lib/carts/testing/random.ts';
import { postLines, waitFresh } from '../harness/client.ts';
import { openAcme, type AcmeWorld } from './api-world.ts';

/**
 * Analytics on a real installation, against figures that are worked out here from the events that were sent, by the words
 * of the semantics alone.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** In the order of semantics §1, with an unknown one where unknown ones belong. */
const STATUSES = [
  'pending',
  'verification',
  'staff_member_review',
  'preparing',
  'ready_for_pickup',
  'delivery_started',
  'delivery_finished',
  'on hold',
  'finished',
  'finished_without_review',
  'with_review',
  'cancelled',
  'dismissed',
];
const OPEN = ['pending', 'verification', 'staff_member_review', 'preparing', 'ready_for_pickup', 'delivery_started'];
const isOpen = (status: string): boolean => [...OPEN, 'delivery_finished', 'on hold'].includes(status);

interface Sent {
  type: 'cart_status' | 'cart_abandoned';
  at: number;
  status: string;
  amount: number | undefined;
}
interface Cart {
  id: string;
  store: string | undefined;
  mode: string;
  /** In order. */
  events: Sent[];
}

/** Carts over ten days, some with simultaneous statuses, repeats of a status, and abandonments before and after checkout. */
function cartsUntil(endMs: number): Cart[] {
  const random = randomFrom(42);
  return Array.from({ length: 150 }, (_, i) => {
    let at = endMs - random.below(10 * DAY);
    const events: Sent[] = [];
    const count = 1 + random.below(6);
    for (let n = 0; n < count && at < endMs; n++) {
      const type = random.chance(0.25) ? ('cart_abandoned' as const) : ('cart_status' as const);
      const amount = random.chance(0.7) ? random.below(10_000) / 100 : undefined;
      events.push({ type, at, status: random.pick(STATUSES), amount });
      if (random.chance(0.8)) at += 1 + random.below(6 * HOUR);
    }
    const rank = (event: Sent): number => (event.type === 'cart_abandoned' ? 100 : STATUSES.indexOf(event.status));
    events.sort((a, b) => a.at - b.at || rank(a) - rank(b));
    // Of equal rank at the same T, the order is that of hashes, which depend on the time of the run.
    const ordered = events.filter((event, n) => {
      const previous = events[n - 1];
      return previous?.at !== event.at || rank(previous) !== rank(event);
    });
    return {
      id: `c${i}`,
      store: random.pick(['68', '7', undefined]),
      mode: random.pick(['pickup', 'delivery']),
      events: ordered,
    };
  });
}

let world: AcmeWorld;
let carts: Cart[];
let endMs: number;
beforeAll(async () => {
  world = await openAcme();
  endMs = Date.now() - MINUTE;
  carts = cartsUntil(endMs);
  const lines = carts.flatMap(({ id, store, mode, events }) =>
    events.map(({ type, at, status, amount }) => ({
      type,
      occurred_at: new Date(at).toISOString(),
      cart: { id, amount, store_id: store, reservation_mode: mode, ...(type === 'cart_status' ? { status } : {}) },
    })),
  );
  await postLines(world.installation, world.acme, 'events', lines);
  await waitFresh(world.installation, world.acme);
});
afterAll(() => world.close());

interface Change {
  status: string;
  at: number;
}

/** A `cart_status` whose status differs from that of the previous one. */
function changesOf({ events }: Cart): Change[] {
  const statuses = events.filter(({ type }) => type === 'cart_status');
  return statuses.filter(({ status }, i) => status !== statuses[i - 1]?.status);
}

/** T of the first event with a status that is not `pending`. */
const checkoutOf = (cart: Cart): number | undefined =>
  cart.events.find(({ type, status }) => type === 'cart_status' && status !== 'pending')?.at;

interface Abandonment {
  at: number;
  amount: number;
  recovered: boolean;
}

const WINDOW = 30 * MINUTE;

/** Semantics §3, where an activity is a `cart_status` of `pending`. */
function abandonmentsOf(cart: Cart): Abandonment[] {
  let rests = false;
  /** The deadline of the open episode. */
  let deadline = Infinity;
  let amount = 0;
  const found: Abandonment[] = [];
  const abandon = (at: number, next: number): void => {
    const recovered = cart.events
      .slice(next)
      .some(({ type, status }) => type === 'cart_status' && !['pending', 'cancelled', 'dismissed'].includes(status));
    found.push({ at, amount, recovered });
    rests = true;
    deadline = Infinity;
  };
  for (const [i, event] of cart.events.entries()) {
    if (event.at > deadline) abandon(deadline, i);
    amount = event.amount ?? amount;
    if (event.type === 'cart_abandoned') {
      if (!rests) abandon(event.at, i + 1);
    } else if (event.status === 'pending') {
      rests = false;
      deadline = event.at + WINDOW;
    } else return found;
  }
  if (deadline < endMs) abandon(deadline, cart.events.length);
  return found;
}

/** Linear interpolation between the closest ranks. */
function quantile(values: number[], share: number): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const position = share * (sorted.length - 1);
  const low = sorted[Math.floor(position)]!;
  return low + (sorted[Math.ceil(position)]! - low) * (position - Math.floor(position));
}

interface Filter {
  store_id?: string[];
  mode?: string[];
}
const passes =
  ({ store_id = [], mode = [] }: Filter) =>
  (cart: Cart): boolean =>
    (store_id.length === 0 || (cart.store !== undefined && store_id.includes(cart.store))) &&
    (mode.length === 0 || mode.includes(cart.mode));

const iso = (ms: number): string => new Date(ms).toISOString();
const ask = <T>(path: string, body: object) =>
  world.ask<T>('POST', `/v1/analytics/${path}`, { key: world.acme.keys.read, body });

const FILTERS: Filter[] = [
  {},
  { store_id: ['68'] },
  { store_id: [], mode: ['delivery'] },
  { store_id: ['7', '68'], mode: ['pickup'] },
];

describe('the funnel', () => {
  interface Funnel {
    carts: number;
    steps: { status: string; carts: number; dwell_minutes: { p50: number | null; p90: number | null } }[];
  }

  function funnelOf(fromMs: number, toMs: number, filter: Filter): Funnel {
    const inRange = carts.filter(passes(filter)).filter((cart) => {
      const checkout = checkoutOf(cart);
      return checkout !== undefined && checkout >= fromMs && checkout < toMs;
    });
    const steps = STATUSES.map((status) => {
      const stays = inRange.flatMap((cart) => {
        const all = changesOf(cart);
        return all.flatMap((change, i) => {
          const next = all[i + 1];
          return change.status === status && next ? [(next.at - change.at) / MINUTE] : [];
        });
      });
      const having = inRange.filter((cart) => changesOf(cart).some((change) => change.status === status));
      return {
        status,
        carts: having.length,
        dwell_minutes: { p50: quantile(stays, 0.5), p90: quantile(stays, 0.9) },
      };
    });
    return { carts: inRange.length, steps: steps.filter((one) => one.carts > 0) };
  }

  it.each(FILTERS)('has the carts and stays of %o', async (filter) => {
    for (const [fromMs, toMs] of [
      [endMs - 20 * DAY, endMs + DAY],
      [endMs - 6 * DAY, endMs - 2 * DAY],
      [endMs - 3 * DAY, endMs - 3 * DAY],
    ] as const) {
      const { body } = await ask<Funnel>('funnel', { from: iso(fromMs), to: iso(toMs), ...filter });
      const expected = funnelOf(fromMs, toMs, filter);
      expect(body.carts).toBe(expected.carts);
      expect(body.steps.map(({ status, carts: n }) => [status, n])).toEqual(
        expected.steps.map(({ status, carts: n }) => [status, n]),
      );
      for (const [i, { dwell_minutes }] of expected.steps.entries()) {
        for (const p of ['p50', 'p90'] as const) {
          if (dwell_minutes[p] === null) expect(body.steps[i]!.dwell_minutes[p]).toBeNull();
          else expect(body.steps[i]!.dwell_minutes[p]).toBeCloseTo(dwell_minutes[p], 6);
        }
      }
    }
  });

  it.each([30, 31, 400])('takes long lists, up to a limit: %i stores', async (count) => {
    const store_id = Array<string>(count).fill(`'${'\n'.repeat(999)}`);
    const question = { key: world.acme.keys.read, body: { from: iso(0), to: iso(1), store_id } };
    expect(await world.statusOf('POST', '/v1/analytics/funnel', question)).toBe(count > 30 ? 422 : 200);
  });

  it('begins with its range and ends before its end', async () => {
    const cart = carts.find((one) => checkoutOf(one) !== undefined)!;
    const at = checkoutOf(cart)!;
    const count = async (fromMs: number, toMs: number): Promise<number> =>
      (await ask<Funnel>('funnel', { from: iso(fromMs), to: iso(toMs) })).body.carts;
    expect(await count(at, at + 1)).toBeGreaterThan(0);
    expect(await count(at, at + 1)).toBe(funnelOf(at, at + 1, {}).carts);
    expect(await count(at - 1, at)).toBe(funnelOf(at - 1, at, {}).carts);
  });
});

describe('abandonment', () => {
  interface Bucket {
    from: string;
    abandoned: number;
    amount: number;
    recovered: number;
    recovered_amount: number;
    checkouts: number;
  }

  it.each(FILTERS)('has its buckets, empty ones too, of %o', async (filter) => {
    const [fromMs, toMs] = [endMs - 15 * DAY, endMs - 5 * HOUR - 1];
    const step = { amount: 17, unit: 'hours' };
    const { body } = await ask<{ buckets: Bucket[] }>('abandonment', {
      from: iso(fromMs),
      to: iso(toMs),
      step,
      ...filter,
    });
    const own = carts.filter(passes(filter));
    const abandonments = own.flatMap(abandonmentsOf);
    expect(abandonments.length).toBeGreaterThan(0);
    const checkouts = own.map(checkoutOf).filter((at) => at !== undefined);
    const starts = Array.from({ length: Math.ceil((toMs - fromMs) / (17 * HOUR)) }, (_, k) => fromMs + k * 17 * HOUR);
    const expected = starts.map((start, k) => {
      const isIn = (at: number): boolean => at >= start && at < (starts[k + 1] ?? toMs);
      const abandoned = abandonments.filter(({ at }) => isIn(at));
      const recovered = abandoned.filter((one) => one.recovered);
      const sum = (all: Abandonment[]): number =>
        Number(all.reduce((total, { amount }) => total + amount, 0).toFixed(2));
      return {
        from: iso(start),
        abandoned: abandoned.length,
        amount: sum(abandoned),
        recovered: recovered.length,
        recovered_amount: sum(recovered),
        checkouts: checkouts.filter(isIn).length,
      };
    });
    expect(body.buckets).toEqual(expected);
    expect(body.buckets.some(({ abandoned }) => abandoned === 0)).toBe(true);
  });

  it('takes days of the workspace, and at most 400 buckets', async () => {
    const days = { amount: 1, unit: 'days' };
    const body = { from: '2026-03-07T17:00:00Z', to: '2026-03-09T17:00:00Z', step: days };
    const { buckets } = (await ask<{ buckets: Bucket[] }>('abandonment', body)).body;
    // Clocks go forward in New York on 8 March.
    expect(buckets.map(({ from }) => from)).toEqual([
      '2026-03-07T17:00:00.000Z',
      '2026-03-08T16:00:00.000Z',
      '2026-03-09T16:00:00.000Z',
    ]);
    const minutes = (n: number) => ({
      from: iso(endMs),
      to: iso(endMs + n * MINUTE),
      step: { amount: 1, unit: 'minutes' },
    });
    expect((await ask<{ buckets: Bucket[] }>('abandonment', minutes(400))).body.buckets).toHaveLength(400);
    expect((await ask<{ buckets: Bucket[] }>('abandonment', minutes(0))).body.buckets).toEqual([]);
    expect(await world.pathsOf(minutes(401), '/v1/analytics/abandonment')).toEqual(['/step']);
    expect(await world.pathsOf(minutes(-1), '/v1/analytics/abandonment')).toEqual(['/from']);
    expect(await world.pathsOf({ from: iso(endMs), to: iso(endMs - 1) }, '/v1/analytics/funnel')).toEqual(['/from']);
  });
});

describe('the board', () => {
  interface Board {
    statuses: {
      status: string;
      carts: number;
      stores: number;
      oldest_since: string;
      over: { carts: number; stores: number };
    }[];
    at: string;
  }

  it.each([
    [30, 45],
    [3, 300],
    [1, 1],
  ])('has the open carts of the last %i days, over %i minutes', async (days, over_minutes) => {
    const path = `/v1/analytics/board?days=${days}&over_minutes=${over_minutes}`;
    const { body } = await world.ask<Board>('GET', path, { key: world.acme.keys.read });
    const nowMs = Date.parse(body.at);
    const current = carts.flatMap((cart) => {
      const last = changesOf(cart).at(-1);
      return last && isOpen(last.status) && last.at >= nowMs - days * DAY ? [{ ...last, store: cart.store }] : [];
    });
    const stores = (all: { store: string | undefined }[]): number =>
      new Set(all.map(({ store }) => store).filter((store) => store !== undefined)).size;
    const expected = STATUSES.map((status) => {
      const own = current.filter((one) => one.status === status);
      const over = own.filter(({ at }) => nowMs - at > over_minutes * MINUTE);
      return {
        status,
        carts: own.length,
        stores: stores(own),
        oldest_since: own.length === 0 ? '' : iso(Math.min(...own.map(({ at }) => at))),
        over: { carts: over.length, stores: stores(over) },
      };
    }).filter((one) => one.carts > 0);
    expect(expected.length).toBeGreaterThan(0);
    expect(body.statuses).toEqual(expected);
  });

  /** The carts that are over, by what was sent. */
  const overOf = (status: string, nowMs: number, stores: string[]): string[] =>
    carts
      .filter(({ store }) => stores.length === 0 || (store !== undefined && stores.includes(store)))
      .flatMap((cart) => {
        const last = changesOf(cart).at(-1);
        const isOver = last?.status === status && last.at >= nowMs - 30 * DAY && nowMs - last.at > 45 * MINUTE;
        return isOver ? [{ id: cart.id, at: last.at }] : [];
      })
      .sort((a, b) => a.at - b.at || (a.id < b.id ? -1 : 1))
      .map(({ id }) => id);

  it.each([[[]], [['68']], [['7', '68']]])('counts and lists the carts of the stores %o', async (stores: string[]) => {
    const ofStores = stores.map((store) => `&store_id=${store}`).join('');
    const { read: key } = world.acme.keys;
    const { body } = await world.ask<Board>('GET', `/v1/analytics/board?${ofStores.slice(1)}`, { key });
    const nowMs = Date.parse(body.at);
    const { status, over } = body.statuses.find(({ status }) => status === 'preparing')!;
    const expected = overOf(status, nowMs, stores);
    expect(over.carts).toBe(expected.length);
    expect(expected.length).toBeGreaterThan(2);
    const listed: string[] = [];
    let cursor = '';
    do {
      const page: { items: { cart_id: string; status: string }[]; next_cursor: string | null } = (
        await world.ask<{ items: { cart_id: string; status: string }[]; next_cursor: string | null }>(
          'GET',
          `/v1/analytics/board/carts?status=${status}&limit=2${ofStores}${cursor}`,
          { key },
        )
      ).body;
      listed.push(...page.items.map(({ cart_id }) => cart_id));
      cursor = page.next_cursor === null ? '' : `&cursor=${page.next_cursor}`;
    } while (cursor !== '');
    expect(listed).toEqual(expected);
  });

  it('has its limits', async () => {
    for (const query of ['days=0', 'days=x', 'over_minutes=0', 'days=1.5', 'store=1']) {
      const question = { key: world.acme.keys.read };
      expect(await world.statusOf('GET', `/v1/analytics/board?${query}`, question)).toBe(422);
    }
  });

  it('of another workspace is empty', async () => {
    const { body } = await world.ask<Board>('GET', '/v1/analytics/board', { key: world.other.keys.read });
    expect(body.statuses).toEqual([]);
  });
});
