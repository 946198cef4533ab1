/** What is sent: orders as signed webhooks in Jane's documented form, and a store's day as lines of a bulk import. */
import { gzipSync } from 'node:zlib';
import { simulateDay } from '../../lib/simulate/index.ts';

/** What one order goes through, one webhook each. */
export const STATUSES = ['pending', 'verification', 'preparing', 'ready_for_pickup', 'finished'] as const;

/** The number of orders in progress at a time: the webhooks of one do not follow each other. */
const UNDER_WAY = 500;
/** How many orders a shopper makes. */
const ORDERS_EACH = 4;

export interface OrderWebhook {
  cartId: string;
  status: string;
  body: string;
}

function janeTime(atMs: number): string {
  return new Date(atMs).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * The nth webhook of a busy store, each a status change of an order: 500 orders in progress, five webhooks an
 * order, four orders a shopper. One order in three shows nobody while it is pending.
 */
export function orderWebhook(n: number, nowMs: number): OrderWebhook {
  const round = Math.floor(n / (UNDER_WAY * STATUSES.length));
  const step = Math.floor((n % (UNDER_WAY * STATUSES.length)) / UNDER_WAY);
  const order = round * UNDER_WAY + (n % UNDER_WAY);
  const shopper = Math.floor(order / ORDERS_EACH);
  const known = step > 0 || order % 3 !== 0;
  const cartId = String(7_000_000 + order);
  const status = STATUSES[step]!;
  const cart = {
    id: Number(cartId),
    uuid: `4e3f3d3c-6a55-4f0c-9d56-${String(order).padStart(12, '0')}`,
    status,
    amount: 20 + (order % 1_000) / 10,
    assigned_employee_id: null,
    assigned_employee_name: null,
    assigned_manager_id: null,
    assigned_manager_name: null,
    created_at: janeTime(nowMs - 60_000),
    checked_out_time: step > 0 ? janeTime(nowMs) : null,
    checkout_message: '',
    promo_code: null,
    queue_number: `G${order % 100}`,
    customer_name: known ? `Shopper ${shopper}` : null,
    customer_phone_number: known ? `+1808${5_000_000 + shopper}` : null,
    customer_email_address: known ? `shopper${shopper}@example.com` : null,
    pos_order_id: null,
    rating: 0,
    reservation_mode: 'pickup',
    reservation_start_window: janeTime(nowMs + 3_600_000),
    store_id: 60 + (order % 8),
    store_name: 'Store',
    tags: {},
    user_id: null,
    external_user_id: null,
    external_user_source: null,
  };
  return { cartId, status, body: JSON.stringify({ cart }) };
}

export interface ImportFile {
  plain: Buffer;
  gzip: Buffer;
  lines: number;
  /** What stands in ClickHouse when all of it is counted: changes of status. */
  changes: number;
  /** And carts left, once the grace period after the import is over. */
  abandonments: number;
}

/** Lines that one cart causes on average. */
const LINES_PER_CART = 7.5;
/** The day ended so long ago: every cart that was left has passed its window. */
const ENDED_AGO_MS = 2 * 3_600_000;

/** A simulated day, late deliveries and repeats included, as NDJSON for `POST /v1/events`. */
export function importFile(lines: number, seed: number): ImportFile {
  const endsAtMs = Date.now() - ENDED_AGO_MS;
  const day = simulateDay({ seed, endsAtMs, carts: Math.ceil(lines / LINES_PER_CART), stores: 8 });
  const text = day.webhooks.map(({ event, body }) => {
    const happened = /"updated_at_time":"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)"/.exec(body);
    if (happened === null) throw new Error('a simulated webhook without updated_at_time');
    return `{"type":"${event}","occurred_at":"${happened[1]}T${happened[2]}Z",${body.slice(1)}\n`;
  });
  const plain = Buffer.from(text.join(''));
  const { changes, abandonments, open } = day.expected;
  return {
    plain,
    gzip: gzipSync(plain),
    lines: text.length,
    changes: Object.values(changes).reduce((sum, times) => sum + times, 0),
    // Those that were still open when the day ended have been left as well by now.
    abandonments: abandonments + open,
  };
}
