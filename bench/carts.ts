/**
 * The fold of carts alone, no Kafka: events per CPU-second with the state decoded and encoded for every event, and
 * bytes per cart.
 */
import { createHash } from 'node:crypto';
import { parseArgs } from 'node:util';
import {
  DEFAULT_HORIZON_MS,
  EVENT_LIMIT,
  Scratch,
  concludeDue,
  decodeState,
  dueOf,
  foldCart,
  snapshotOf,
} from '../lib/carts/index.ts';
import type { CartEvent, Product } from '../schemas/types.ts';
import { measure, printJson, printMeasurements, printTable, timeInBlocks, type Measurement } from './measure.ts';

export const HELP = `Measures the fold of carts alone, no engines: deliveries per CPU-second, and bytes of a cart.

  npm run bench -- carts [options]

  --carts N   that the traffic consists of (20000)
  --runs N    of each measurement, after a warm-up (7)
  --seed N    equal seeds give the same traffic (1)
  --help
`;

const MINUTE = 60_000;
const START = Date.UTC(2026, 2, 17);
const FLOOR_IN_ORDER = 250_000;
const FLOOR_LATE = 150_000;

/** As the topology has it: one for all carts. */
const scratch = new Scratch();

/** A delivery, small, since a run has very many: its event is made when its turn comes. Times in milliseconds. */
interface Delivery {
  cart: number;
  index: number;
  what: string;
  at: number;
  receivedAt: number;
  logTime: number;
}

/** Minutes after the cart's start, and what happens; statuses by name, the rest is activity. */
const ORDER: [number, string][] = [
  [0, 'activity'],
  [2, 'activity'],
  [5, 'activity'],
  [9, 'verification'],
  [12, 'preparing'],
  [25, 'ready_for_pickup'],
  [55, 'finished'],
  [300, 'with_review'],
];
const BROWSING: [number, string][] = [
  [0, 'activity'],
  [1, 'activity'],
  [4, 'activity'],
  [8, 'activity'],
  [50, 'activity'],
  [53, 'activity'],
];

function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

function keyOf(text: string): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, 16);
}

function productsOf(cart: number, count: number): Product[] {
  return Array.from({ length: count }, (_, i) => ({
    product_id: String(100_000 + ((cart * 7 + i * 13) % 5000)),
    count: 1 + (i % 2),
    price: 12.5 + i,
  }));
}

function eventOf({ cart, index, what, at, receivedAt }: Omit<Delivery, 'logTime'>): CartEvent {
  const status = what === 'activity' ? null : what;
  const key = keyOf(`${cart} ${index} ${what}`);
  return {
    kind: status === null ? 'cart_activity' : 'cart_status',
    source: 'webhook',
    workspace: 'shop',
    cart_id: String(7_000_000 + cart),
    subscription_id: 'sub',
    event_id: key.toString('hex'),
    event_key: key,
    occurred_at: at,
    occurred_at_source: 'updated',
    clamped: false,
    received_at: receivedAt,
    request_at: receivedAt - (receivedAt % 1000),
    abandonment_window_ms: 30 * MINUTE,
    grace_ms: MINUTE,
    retry_horizon_ms: 15 * MINUTE,
    status,
    emptying: false,
    store_id: String(60 + (cart % 40)),
    store_name: 'Store',
    mode: status === null ? null : 'pickup',
    amount: status === null ? null : 41.8 + (cart % 100),
    products: status === null ? productsOf(cart, 1 + Math.min(index, 3)) : null,
    cart_created_at: null,
    reservation_start_at: null,
    user_id: null,
    external_source: null,
    external_id: null,
    phone: '+18085550143',
    email: null,
    unread_phone: null,
    unread_email: null,
    name: null,
    body: key,
  };
}

/** A store's traffic: two orders in three carts, the rest browsing; carts begin a few seconds apart. */
function traffic(carts: number, seed: number, lateShare: number, repeatShare: number): Delivery[] {
  const random = randomFrom(seed);
  const all: Delivery[] = [];
  for (let cart = 0; cart < carts; cart++) {
    const start = START + cart * 400;
    const steps = cart % 3 === 2 ? BROWSING : ORDER;
    for (const [index, [minutes, what]] of steps.entries()) {
      const at = start + minutes * MINUTE;
      const delayMs = 200 + Math.floor(random() * 900);
      const next = steps[index + 1];
      // Late is what comes after the event that it should have come before; the last of a cart cannot.
      const late = next !== undefined && random() < (lateShare * steps.length) / (steps.length - 1);
      const lateMs = late ? (next[0] - minutes + random() * 20) * MINUTE : 0;
      const receivedAt = Math.floor(at + delayMs + lateMs);
      const delivery = { cart, index, what, at, receivedAt, logTime: receivedAt + 20 };
      all.push(delivery);
      if (random() < repeatShare) all.push({ ...delivery, logTime: receivedAt + 10_020 });
    }
  }
  return all.sort((a, b) => a.logTime - b.logTime);
}

/** How much of the traffic really is late. */
function lateOf(deliveries: readonly Delivery[], carts: number): number {
  const latest = new Float64Array(carts);
  const seen = new Set<string>();
  let late = 0;
  for (const { cart, index, at } of deliveries) {
    const id = `${cart} ${index}`;
    if (!seen.has(id) && at < latest[cart]!) late++;
    seen.add(id);
    latest[cart] = Math.max(latest[cart]!, at);
  }
  return late / deliveries.length;
}

function rate(name: string, deliveries: Delivery[], carts: number, runs: number, floor: number): Measurement {
  return measure({
    name,
    runs,
    floor,
    once: (timed) => {
      const states = new Array<Buffer | undefined>(carts);
      let changes = 0;
      timeInBlocks(timed, deliveries, eventOf, (event, index) => {
        const { cart, logTime } = deliveries[index]!;
        const folded = foldCart(states[cart], event, logTime, DEFAULT_HORIZON_MS, scratch);
        states[cart] = folded.state;
        changes += folded.changes.length;
      });
      if (changes === 0) throw new Error('the traffic has no trait events');
    },
  });
}

/** Folds what a cart does next, delivered 0.7 s after it occurred. */
function next(state: Buffer | undefined, step: Omit<Delivery, 'receivedAt' | 'logTime'>, products?: Product[]): Buffer {
  const event = eventOf({ ...step, receivedAt: step.at + 700 });
  const folded = foldCart(state, products ? { ...event, products } : event, step.at + 720, DEFAULT_HORIZON_MS, scratch);
  if (folded.result !== 'event') throw new Error(`event ${step.index} of a cart is ${folded.result}`);
  return folded.state;
}

/** One cart's state after these minutes and events. */
function stateOf(steps: readonly [number, string][]): Buffer {
  let state: Buffer | undefined;
  for (const [index, [minutes, what]] of steps.entries()) {
    state = next(state, { cart: 1, index, what, at: START + minutes * MINUTE });
  }
  return state!;
}

/** Ids of 36 characters. */
function listOf(ids: number[]): Product[] {
  return ids.map((id) => ({
    product_id: `9f1c2d3e-5b7a-4c11-8000-${String(id).padStart(12, '0')}`,
    count: 1,
    price: 12.5 + (id % 90),
  }));
}

/** A cart with one activity per list of products; by default as many as a cart can have. */
function bigCart(draw: (index: number) => Product[], events = EVENT_LIMIT): Buffer {
  let state: Buffer | undefined;
  for (let index = 0; index < events; index++) {
    const at = START + index * MINUTE;
    state = next(state, { cart: 1, index, what: 'activity', at }, draw(index));
  }
  return state!;
}

/** What one more event costs a cart of one event, and one that can have only this one more. */
function appends(runs: number): Measurement[] {
  const random = randomFrom(1);
  const lists: Record<string, () => Product[]> = {
    'no products': () => [],
    '60 products of 500': () => listOf(Array.from({ length: 60 }, () => Math.floor(random() * 500))),
  };
  return Object.entries(lists).flatMap(([products, draw]) =>
    [1, EVENT_LIMIT - 1].flatMap((events) => {
      const state = bigCart(draw, events);
      const nextAt = START + events * MINUTE;
      return [
        { order: 'in order', at: nextAt, times: 1000 },
        { order: 'late', at: START - MINUTE, times: events === 1 ? 1000 : 20 },
      ].map(({ order, at, times }) => {
        const step = { cart: 1, what: 'activity', at, receivedAt: nextAt + 700 };
        const more = Array.from({ length: times }, (_, i) => ({
          ...eventOf({ ...step, index: EVENT_LIMIT + i }),
          products: draw(),
        }));
        return measure({
          name: `one more, ${order}, after ${events.toLocaleString('en')}, ${products}`,
          runs,
          once: (timed) =>
            timed(
              () =>
                more.filter(
                  (event) => foldCart(state, event, nextAt + 720, DEFAULT_HORIZON_MS, scratch).result === 'event',
                ).length,
            ),
        });
      });
    }),
  );
}

/** A list that grows to 60 lines, and one of 60 products at random from 500. */
function fullCarts(): Record<string, number> {
  const random = randomFrom(1);
  const upTo = (count: number): number[] => Array.from({ length: count }, (_, id) => id);
  return {
    'full: 2,000 activities, a list that grows to 60': bigCart((index) =>
      listOf(upTo(1 + Math.floor((60 * index) / EVENT_LIMIT))),
    ).length,
    'full: 2,000 activities, each 60 of 500 products': bigCart(() =>
      listOf(upTo(60).map(() => Math.floor(random() * 500))),
    ).length,
  };
}

function sizes(): Record<string, number> {
  const busy = Array.from({ length: 100 }, (_, i): [number, string] => [i * 3, 'activity']);
  const finished: [number, string][] = [[0, 'pending'], ...ORDER.slice(3)];
  return {
    'open: 3 activities with products': stateOf(ORDER.slice(0, 3)).length,
    'finished: an order of 6 statuses': stateOf(finished).length,
    'finished: the same after 3 activities': stateOf(ORDER).length,
    'busy: 100 activities': stateOf(busy).length,
    ...fullCarts(),
    'forgotten: past the horizon': concludeDue(stateOf(ORDER), START * 2).state.length,
  };
}

/** What the topology does besides for every event, and what a deadline costs. */
function others(carts: number, runs: number): Measurement[] {
  const open = Array.from({ length: carts }, () => stateOf(BROWSING.slice(0, 3)));
  const over = (name: string, does: (state: Buffer) => boolean): Measurement =>
    measure({
      name,
      runs,
      once: (timed) =>
        timed(() => {
          let done = 0;
          for (let round = 0; round < 10; round++) for (const state of open) if (does(state)) done++;
          return done;
        }),
    });
  return [
    over('dueOf', (state) => dueOf(state, DEFAULT_HORIZON_MS, scratch) !== undefined),
    over('snapshotOf', (state) => snapshotOf(state, scratch).due_at !== null),
    over(
      'concludeDue',
      (state) => concludeDue(state, START + 60 * MINUTE, DEFAULT_HORIZON_MS, scratch).changes.length === 1,
    ),
  ];
}

/** @throws Error for unknown options */
export function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      carts: { type: 'string', default: '20000' },
      runs: { type: 'string', default: '7' },
      seed: { type: 'string', default: '1' },
    },
  });
  const carts = Number(values.carts);
  const runs = Number(values.runs);
  const seed = Number(values.seed);
  const late = traffic(carts, seed, 0.05, 0.05);
  const measurements = [
    rate('in order', traffic(carts, seed, 0, 0), carts, runs, FLOOR_IN_ORDER),
    rate('5 % late, 5 % repeats', late, carts, runs, FLOOR_LATE),
    ...others(carts, runs),
    ...appends(runs),
  ];
  console.log(`carts: fold with encoded state in and out, ${carts} carts, seed ${seed}, ${runs} runs\n`);
  printMeasurements(measurements);
  console.log(`\nlate in "5 % late": ${(lateOf(late, carts) * 100).toFixed(1)} % of all deliveries`);
  const bytes = sizes();
  console.log('');
  printTable(
    ['state', 'bytes'],
    Object.entries(bytes).map(([name, size]) => [name, String(size)]),
  );
  const parts = decodeState(stateOf(ORDER)).sizes;
  console.log(`\nparts of a finished order: ${JSON.stringify(parts)}`);
  printJson('carts', { carts, seed, measurements, bytes });
  return Promise.resolve();
}
