import { createHash } from 'node:crypto';
import type { CartEvent } from '../../schemas/types.ts';
import type { LineContext, ReceiptSettings, WebhookContext } from './settings.ts';
import { Unusable } from './unusable.ts';
import { parseWebhook } from './webhook.ts';

/** What the tests of this folder share. */

export const at = (text: string) => Date.parse(text);
export const RECEIVED = at('2021-06-21T21:45:00Z');
export const REQUEST = at('2021-06-21T21:44:59Z');
export const settings: ReceiptSettings = {
  abandonmentWindowMs: 1_800_000,
  graceMs: 60_000,
  retryHorizonMs: 900_000,
  defaultCountry: 'US',
};
export const contextOf = (change: Partial<WebhookContext> = {}): WebhookContext => ({
  workspace: 'shop',
  subscriptionId: 'sub_1',
  kind: 'cart_status',
  storeIds: null,
  timeZone: 'UTC',
  settings,
  requestAtMs: REQUEST,
  receivedAtMs: RECEIVED,
  ...change,
});

/** The payload that Jane documents. */
export const CART = {
  id: 7469,
  uuid: '4e3f3d3c-6a55-4f0c-9d56-0d6d0f6f7a11',
  status: 'verification',
  amount: 41.8,
  created_at: '2021-06-21 21:41:20',
  checked_out_time: '2021-06-21 21:41:28',
  checkout_message: '',
  customer_name: 'Jane Doe',
  customer_phone_number: '+1112223333',
  customer_email_address: 'Jane@example.com',
  reservation_mode: 'pickup',
  reservation_start_window: '2021-06-21 22:45:00',
  store_id: 68,
  store_name: 'Store',
  tags: {},
  user_id: null,
  external_user_id: '12345',
  external_user_source: 'foo',
};
export const bytes = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
export const webhook = (cart: unknown, change: Partial<WebhookContext> = {}) =>
  parseWebhook(bytes({ cart }), contextOf(change));
export function event(cart: unknown, change: Partial<WebhookContext> = {}): CartEvent {
  const parsed = webhook(cart, change);
  if (parsed instanceof Unusable) throw new Error(parsed.message);
  return parsed;
}
export const key = (...parts: (string | Uint8Array)[]) =>
  createHash('sha256')
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest()
    .subarray(0, 16);

/** The context of lines. */
export const lineContext: LineContext = { workspace: 'shop', settings, receivedAtMs: RECEIVED };
