/** Webhooks under kills: what was sent, what was answered, and what must be counted for it, by construction. */
import { setTimeout as sleep } from 'node:timers/promises';
import { postLines, postWebhook, type Subscription, type Workspace } from '../harness/client.ts';
import type { Installation } from '../harness/installation.ts';
import { createRandom, type Random } from '../../lib/simulate/random.ts';

/** The window of the workspace, after which a quiet cart is abandoned. */
export const WINDOW_MS = 60_000;
/** How long after its webhook a quiet cart falls due. */
export const QUIET_FOR_MS = 10_000;
const STATUSES = ['verification', 'preparing', 'ready_for_pickup', 'finished', 'with_review'];
const SECOND_MS = 1_000;
const RETRY_PAUSE_MS = 150;
const REQUEST_TIMEOUT_MS = 15_000;
const BULK_LINES = 40;

/** One trait event as analysts read it. Times in Unix milliseconds. */
export interface Row {
  cart: string;
  phone: string;
  trait: string;
  status: string;
  occurredAt: number;
  recoveredAt: number | null;
}

interface Delivery {
  cart: string;
  phone: string;
  email: string;
  status: string;
  /** T: Unix milliseconds, a whole second. */
  at: number;
}

/** Deliveries of one cart, and the trait events that the semantics give for exactly these. */
interface Story {
  deliveries: Delivery[];
  rows: Row[];
}

const updated = ({ cart, phone, status, at }: Delivery): Row => ({
  cart,
  phone,
  trait: 'cart_status_updated',
  status,
  occurredAt: at,
  recoveredAt: null,
});

const abandoned = ({ cart, phone, at }: Delivery, recoveredAt: number | null): Row => ({
  cart,
  phone,
  trait: 'cart_abandoned',
  status: '',
  occurredAt: at + WINDOW_MS,
  recoveredAt,
});

export type Kind = 'order' | 'saved' | 'quiet' | 'back';

/** A cart's life. `nowMs`: everything in it happened at least a second before. */
export function story(
  kind: Kind,
  who: Pick<Delivery, 'cart' | 'phone' | 'email'>,
  nowMs: number,
  steps: number,
): Story {
  const now = Math.floor(nowMs / SECOND_MS) * SECOND_MS - SECOND_MS;
  const say = (status: string, at: number): Delivery => ({ ...who, status, at });
  if (kind === 'order') {
    const deliveries = STATUSES.slice(0, steps).map((status, i) => say(status, now - (steps - i) * 30 * SECOND_MS));
    return { deliveries, rows: deliveries.map(updated) };
  }
  if (kind === 'quiet') {
    // Not long before its deadline, so that deadlines fall due all the time, also while nothing runs.
    const pending = say('pending', now - WINDOW_MS + QUIET_FOR_MS);
    return { deliveries: [pending], rows: [updated(pending), abandoned(pending, null)] };
  }
  // Saved: ordered 20 s after; back: ordered 150 s after, when it had been abandoned for 90 s.
  const [pendingAt, ordersAt] = kind === 'saved' ? [now - 20 * SECOND_MS, now] : [now - 150 * SECOND_MS, now];
  const deliveries = [say('pending', pendingAt), say('verification', ordersAt)];
  const [pending] = deliveries as [Delivery, Delivery];
  const rows = deliveries.map(updated);
  return { deliveries, rows: kind === 'back' ? [...rows, abandoned(pending, ordersAt)] : rows };
}

const janeTime = (ms: number): string => new Date(ms).toISOString().slice(0, 19).replace('T', ' ');

const payload = ({ cart, phone, email, status, at }: Delivery): object => ({
  cart: {
    id: Number(cart),
    status,
    updated_at_time: janeTime(at),
    customer_phone_number: phone,
    ...(email && { customer_email_address: email }),
    store_id: 68,
  },
});

export interface Ledger {
  /** What must be counted: all of it had its 202 (or 200). */
  rows: Row[];
  /** What was sent once and had no answer, or an answer that promises nothing: may be counted, once. */
  unsure: Row[];
  /** Webhooks that had their 202, lines that had their 200. */
  accepted: number;
  /** Attempts that had another answer or none, and were made again. */
  repeated: number;
  /** Longest time from the first attempt at a delivery to its answer, in milliseconds. */
  longestMs: number;
}

export interface LoadOptions {
  installation: Installation;
  workspace: Workspace;
  subscription: Subscription;
  seed: number;
  senders: number;
  /** Between two deliveries of a sender. */
  pauseMs: number;
}

/** Sends until `stop()`, which resolves when everything begun has its answer. */
export function startLoad(options: LoadOptions): { ledger: Ledger; stop(): Promise<void> } {
  const ledger: Ledger = { rows: [], unsure: [], accepted: 0, repeated: 0, longestMs: 0 };
  const stopping = { now: false };
  const senders = Array.from({ length: options.senders }, (_, i) => {
    const random = createRandom(options.seed * 1_000 + i);
    if (i === 0) return bulkSender(options, random, ledger, stopping);
    return i === 1 ? oneShotSender(options, random, ledger, stopping) : sender(options, random, ledger, stopping, i);
  });
  return {
    ledger,
    async stop() {
      stopping.now = true;
      await Promise.all(senders);
    },
  };
}

const phoneOf = (number: number): string => `+1612${String(number).padStart(7, '0')}`;

/** Numbers of carts and people that no other sender uses. */
function numbers(sender: number) {
  let next = 0;
  return { people: () => sender * 100_000 + next, cart: () => sender * 1_000_000 + ++next };
}

/** A retailer's webhooks as Jane sends them: each again, bytes and timestamp unchanged, until it had its 202. */
async function sender(
  { subscription, pauseMs }: LoadOptions,
  random: Random,
  ledger: Ledger,
  stopping: { now: boolean },
  index: number,
): Promise<void> {
  const number = numbers(index);
  const known: { phone: string; email: string }[] = [];
  while (!stopping.now) {
    const person = known.length > 0 && random.chance(0.5) ? random.pick(known) : newPerson(number.people(), known);
    const kind = random.weighted<Kind>([
      ['order', 5],
      ['saved', 2],
      ['quiet', 2],
      ['back', 2],
    ]);
    const { deliveries, rows } = story(kind, { ...person, cart: String(number.cart()) }, Date.now(), random.int(1, 5));
    // Their order on the way is anybody's.
    for (const delivery of deliveries.sort(() => random.next() - 0.5)) {
      await until202(subscription, delivery, ledger);
      if (random.chance(0.05)) await until202(subscription, delivery, ledger);
      await sleep(pauseMs * random.between(0.5, 1.5));
    }
    ledger.rows.push(...rows);
  }
}

function newPerson(number: number, known: { phone: string; email: string }[]): { phone: string; email: string } {
  const person = { phone: phoneOf(number), email: `person${number}@example.com` };
  known.push(person);
  return person;
}

async function until202(subscription: Subscription, delivery: Delivery, ledger: Ledger): Promise<void> {
  const startedAt = Date.now();
  // A new timestamp when the old one would be stale: an equal body within the retry horizon is a repeat.
  for (let at = new Date(); ; at = Date.now() - at.getTime() > 200_000 ? new Date() : at) {
    const status = await statusOf(() => postWebhook(subscription, payload(delivery), { at }));
    if (status === 202) break;
    if (status !== undefined && status < 429) throw new Error(`a webhook was answered ${status}`);
    ledger.repeated++;
    await sleep(RETRY_PAUSE_MS);
  }
  ledger.accepted++;
  ledger.longestMs = Math.max(ledger.longestMs, Date.now() - startedAt);
}

/** Undefined: no answer. */
async function statusOf(send: () => Promise<{ status: number }>): Promise<number | undefined> {
  try {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, REQUEST_TIMEOUT_MS, undefined);
    });
    return (await Promise.race([send(), late]).finally(() => clearTimeout(timer)))?.status;
  } catch {
    return undefined;
  }
}

/** Somebody who never sends twice: what had its 202 counts, what had none may. */
async function oneShotSender(
  { subscription, pauseMs }: LoadOptions,
  random: Random,
  ledger: Ledger,
  stopping: { now: boolean },
): Promise<void> {
  const number = numbers(1);
  while (!stopping.now) {
    const who = { phone: phoneOf(number.people()), email: '', cart: String(number.cart()) };
    const { deliveries, rows } = story('order', who, Date.now(), 1);
    const status = await statusOf(() => postWebhook(subscription, payload(deliveries[0]!)));
    if (status === 202) ledger.accepted++;
    (status === 202 ? ledger.rows : ledger.unsure).push(...rows);
    await sleep((status === 202 ? pauseMs : RETRY_PAUSE_MS) * random.between(0.5, 1.5));
  }
}

/** An import in pieces: a piece that had no 200 is sent again as a whole, which does no harm. */
async function bulkSender(
  { installation, workspace, pauseMs }: LoadOptions,
  random: Random,
  ledger: Ledger,
  stopping: { now: boolean },
): Promise<void> {
  // Senders from 900 on: lines and webhooks share no carts, as the semantics ask for.
  const number = numbers(900);
  while (!stopping.now) {
    const stories = Array.from({ length: BULK_LINES }, () => {
      const who = { phone: phoneOf(9_000_000 + random.int(0, 400)), email: '', cart: String(number.cart()) };
      return story('order', who, Date.now(), 1);
    });
    const lines = stories.flatMap(({ deliveries }) => deliveries).map((one) => lineOf(one));
    for (;;) {
      const done = await statusOf(async () => {
        const { accepted, rejected } = await postLines(installation, workspace, 'events', lines);
        if (accepted !== lines.length || rejected !== 0) throw new Error('lines were rejected');
        return { status: 200 };
      });
      if (done === 200) break;
      ledger.repeated++;
      await sleep(RETRY_PAUSE_MS);
    }
    ledger.accepted += lines.length;
    ledger.rows.push(...stories.flatMap(({ rows }) => rows));
    await sleep(pauseMs * BULK_LINES * 0.5);
  }
}

const lineOf = ({ cart, phone, status, at }: Delivery): object => ({
  type: 'cart_status',
  occurred_at: new Date(at).toISOString(),
  event_id: `${cart}-${status}`,
  cart: { id: cart, status, customer_phone_number: phone, store_id: '68' },
});
