import type { Random } from './random.ts';
import { MENU, type Mode, type Shopper, type Store } from './world.ts';

/** The three kinds of webhook, one subscription each. */
export type WebhookEvent = 'cart_status' | 'cart_activity' | 'cart_abandoned';

export interface CartLine {
  product_id: string;
  count: number;
  /** US dollars. */
  price: number;
}

/** Which identifiers of its shopper a cart shows. `none`: an anonymous cart. */
export type Face = 'none' | 'phone' | 'email' | 'both' | 'account';

/** One thing that happens to a cart and that Jane tells about. */
export interface Step {
  /** When it happens: Unix milliseconds, on a whole second, rising within a cart. */
  atMs: number;
  event: WebhookEvent;
  /** The cart's status at that moment. */
  status: string;
  /** The cart's content; null where Jane leaves it out. */
  products: CartLine[] | null;
  face: Face;
  /** The employee of the store who has it. */
  employee: string | null;
  rating: number;
  /** How long after it happened the webhook comes, in milliseconds. */
  delayMs: number;
  /** The same delivery again, this many milliseconds after the first. */
  repeatsAfterMs: number[];
}

/** How a cart ends; `any` lets chance decide, the others are for a scene that has to be there. */
export type Fate = 'any' | 'abandoned' | 'finished';

export interface CartPlan {
  id: number;
  uuid: string;
  store: Store;
  mode: Mode;
  shopper: Shopper;
  createdAtMs: number;
  /** Null when it never gets so far. */
  checkedOutAtMs: number | null;
  amountAtCheckout: number;
  queueNumber: string;
  promoCode: string | null;
  steps: Step[];
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const EMPLOYEES = ['Robin', 'Sasha', 'Jules', 'Marlo', 'Devon'];

/** US dollars, in whole cents. */
export function amountOf(products: readonly CartLine[]): number {
  return Math.round(products.reduce((sum, line) => sum + line.count * line.price, 0) * 100) / 100;
}

interface Telling {
  random: Random;
  plan: CartPlan;
  nowMs: number;
  products: CartLine[];
  face: Face;
  finalFace: Face;
  employee: string | null;
}

function step(telling: Telling, event: WebhookEvent, status: string, changes: Partial<Step> = {}): void {
  const { random, plan } = telling;
  const late = random.chance(0.03);
  const retried = random.chance(0.04);
  plan.steps.push({
    atMs: telling.nowMs,
    event,
    status,
    products: telling.products.map((line) => ({ ...line })),
    face: telling.face,
    employee: telling.employee,
    rating: 0,
    delayMs: late ? random.int(2 * MINUTE_MS, 25 * MINUTE_MS) : random.int(150, 1_800),
    repeatsAfterMs: retried
      ? Array.from({ length: random.int(1, 3) }, (_, n) => (n + 1) * random.int(4_000, 60_000))
      : [],
    ...changes,
  });
}

/** Time passes: at least a second, so that no two events of a cart share their moment. */
function wait(telling: Telling, meanMs: number, atLeastMs = SECOND_MS): void {
  const spentMs = Math.max(atLeastMs, SECOND_MS, telling.random.exponential(meanMs));
  telling.nowMs += Math.ceil(spentMs / SECOND_MS) * SECOND_MS;
}

function fill(telling: Telling): void {
  const { random, products } = telling;
  const existing = products.length > 0 && random.chance(0.35) ? random.pick(products) : undefined;
  if (existing) {
    existing.count = Math.max(1, existing.count + (random.chance(0.75) ? 1 : -1));
    return;
  }
  const item = random.pick(MENU);
  if (products.some((line) => line.product_id === item.productId)) return;
  products.push({ product_id: item.productId, count: random.chance(0.8) ? 1 : 2, price: item.price });
}

/** The cart is made and filled; some shoppers go away and come back, some show who they are early. */
function browse(telling: Telling): void {
  const { random } = telling;
  if (random.chance(0.55)) telling.face = telling.finalFace;
  fill(telling);
  step(telling, 'cart_status', 'pending');
  const changes = random.int(1, 5);
  for (let n = 0; n < changes; n += 1) {
    const away = random.chance(0.05);
    wait(telling, away ? 50 * MINUTE_MS : 100 * SECOND_MS, away ? 20 * MINUTE_MS : 4 * SECOND_MS);
    fill(telling);
    step(telling, 'cart_activity', 'pending');
  }
}

function leave(telling: Telling): void {
  const { random } = telling;
  telling.face = telling.finalFace;
  wait(telling, 60 * SECOND_MS);
  step(telling, 'cart_activity', 'pending');
  if (random.chance(0.06)) {
    wait(telling, 2 * MINUTE_MS);
    telling.products = [];
    step(telling, 'cart_activity', 'pending');
  } else if (random.chance(0.25)) {
    telling.nowMs += random.chance(0.3) ? random.int(12, 25) * MINUTE_MS : random.int(31, 45) * MINUTE_MS;
    step(telling, 'cart_abandoned', 'pending');
  }
}

function status(telling: Telling, name: string, changes: Partial<Step> = {}): void {
  step(telling, 'cart_status', name, { products: telling.random.chance(0.5) ? null : telling.products, ...changes });
  if (!telling.random.chance(0.08)) return;
  // The same status reported again because something else about the order changed: an event, but no change.
  wait(telling, 60 * SECOND_MS);
  telling.employee = telling.random.pick(EMPLOYEES);
  step(telling, 'cart_status', name, changes);
}

/** From checkout to acceptance by the store. True if the order continues. */
function submit(telling: Telling, fate: Fate): boolean {
  const { random, plan } = telling;
  telling.face = telling.finalFace;
  wait(telling, 90 * SECOND_MS, 10 * SECOND_MS);
  plan.checkedOutAtMs = telling.nowMs;
  plan.amountAtCheckout = amountOf(telling.products);
  status(telling, 'verification');
  if (fate === 'any' && random.chance(0.07)) {
    wait(telling, 3 * MINUTE_MS);
    status(telling, random.chance(0.6) ? 'cancelled' : 'dismissed');
    // Occasionally a store continues an order that was cancelled.
    if (!random.chance(0.06)) return false;
  }
  if (random.chance(0.12)) {
    wait(telling, 2 * MINUTE_MS);
    telling.employee = random.pick(EMPLOYEES);
    status(telling, 'staff_member_review');
  }
  return true;
}

function prepare(telling: Telling, fate: Fate): boolean {
  const { random } = telling;
  if (random.chance(0.88)) {
    wait(telling, 4 * MINUTE_MS);
    telling.employee ??= random.pick(EMPLOYEES);
    status(telling, 'preparing');
  }
  if (fate === 'any' && random.chance(0.025)) {
    wait(telling, 5 * MINUTE_MS);
    status(telling, 'dismissed');
    return false;
  }
  return true;
}

function handOver(telling: Telling): void {
  const { random, plan } = telling;
  if (plan.mode === 'delivery') {
    wait(telling, 12 * MINUTE_MS, 2 * MINUTE_MS);
    status(telling, 'delivery_started');
    wait(telling, 18 * MINUTE_MS, 3 * MINUTE_MS);
    if (random.chance(0.25)) {
      status(telling, 'delivery_arrived');
      wait(telling, 2 * MINUTE_MS);
    }
    if (random.chance(0.9)) status(telling, 'delivery_finished');
    return;
  }
  wait(telling, 9 * MINUTE_MS, MINUTE_MS);
  // A slip of the till: a status of the other way of handing over.
  status(telling, random.chance(0.01) ? 'delivery_started' : 'ready_for_pickup');
  if (!random.chance(0.03)) return;
  wait(telling, 3 * MINUTE_MS);
  status(telling, 'preparing');
  wait(telling, 3 * MINUTE_MS);
  status(telling, 'ready_for_pickup');
}

function complete(telling: Telling): void {
  const { random, plan } = telling;
  wait(telling, plan.mode === 'delivery' ? MINUTE_MS : 22 * MINUTE_MS, 20 * SECOND_MS);
  if (random.chance(0.03)) {
    status(telling, 'finished_without_review');
    return;
  }
  status(telling, 'finished');
  if (!random.chance(0.2)) return;
  wait(telling, 80 * MINUTE_MS, 5 * MINUTE_MS);
  status(telling, 'with_review', { rating: random.weighted([1, 2, 3, 4, 5].map((stars) => [stars, stars * stars])) });
}

export interface CartRequest {
  id: number;
  /** Unix milliseconds; the first step happens on that second. */
  createdAtMs: number;
  store: Store;
  shopper: Shopper;
  fate: Fate;
}

/**
 * The whole life of one cart, including the future; the caller cuts it at the current time.
 * Its steps are in the order in which they happen, one second or more apart.
 */
export function planCart(random: Random, request: CartRequest): CartPlan {
  const createdAtMs = Math.floor(request.createdAtMs / SECOND_MS) * SECOND_MS;
  const plan: CartPlan = {
    id: request.id,
    uuid: random.uuid(),
    store: request.store,
    mode: random.weighted(request.store.modes),
    shopper: request.shopper,
    createdAtMs,
    checkedOutAtMs: null,
    amountAtCheckout: 0,
    queueNumber: `${String.fromCharCode(65 + random.int(0, 7))}${random.int(1, 99)}`,
    promoCode: random.chance(0.1) ? 'WELCOME10' : null,
    steps: [],
  };
  const leaves = request.fate === 'abandoned' || (request.fate === 'any' && random.chance(0.4));
  const finalFace: Face =
    leaves && request.fate === 'any' && random.chance(0.3)
      ? 'none'
      : random.weighted<Face>([
          ['phone', 3],
          ['email', 2],
          ['both', 4],
          ['account', request.shopper.userId === null && request.shopper.externalId === null ? 0 : 2],
        ]);
  const telling: Telling = {
    random,
    plan,
    nowMs: createdAtMs,
    products: [],
    face: 'none',
    finalFace,
    employee: null,
  };
  browse(telling);
  if (leaves) leave(telling);
  else if (submit(telling, request.fate) && prepare(telling, request.fate)) {
    handOver(telling);
    complete(telling);
  }
  return plan;
}
