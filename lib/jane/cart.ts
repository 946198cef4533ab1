import type { CartEvent, Product } from '../../schemas/types.ts';
import { identifiersOf, type ReadIdentifiers } from '../people/identifiers.ts';
import { Fields } from './fields.ts';
import { isObject, type JsonObject } from './json.ts';
import { MAX_PRODUCTS } from './limits.ts';
import type { DeliveryKind } from './settings.ts';
import { readTime } from '../time/index.ts';
import type { Unusable } from './unusable.ts';

/** The content of a cart, without the circumstances of its delivery. */
export type CartFacts = Pick<
  CartEvent,
  | 'cart_id'
  | 'status'
  | 'emptying'
  | 'store_id'
  | 'store_name'
  | 'mode'
  | 'amount'
  | 'products'
  | 'cart_created_at'
  | 'reservation_start_at'
  | 'name'
> & { who: ReadIdentifiers };

/** Times outside these bounds are nonsense, and would not fit the analysts' columns. */
const FIRST_SHOWN_MS = Date.UTC(1970, 0, 1);
const LAST_SHOWN_MS = Date.UTC(2200, 0, 1);

/**
 * Reads Jane's `cart` object, found at the pointer `/cart`; unknown members stay in the raw body only. A cart is
 * unusable only without an id or, where one is needed, without a status: any other value that cannot be read is
 * treated as absent.
 */
export function readCart(
  cart: JsonObject,
  kind: DeliveryKind,
  timeZone: string,
  defaultCountry: string,
): CartFacts | Unusable {
  const fields = new Fields(cart, '/cart');
  const cartId = readCartId(fields);
  // Only cart_status events carry a status: a status in a payload of another kind is not read.
  const status = kind === 'cart_status' ? readStatus(fields) : null;
  const { products, empty } = readProducts(fields);
  const facts: CartFacts = {
    cart_id: cartId,
    status,
    emptying: empty && (kind === 'cart_activity' || status === 'pending'),
    store_id: fields.readableId('store_id'),
    store_name: fields.label('store_name'),
    mode: fields.readableText('reservation_mode'),
    amount: fields.readableNumber('amount'),
    products,
    cart_created_at: shownTime(fields, 'created_at', timeZone),
    reservation_start_at: shownTime(fields, 'reservation_start_window', timeZone),
    who: readIdentifiers(fields, defaultCountry),
    name: fields.label('customer_name'),
  };
  return fields.problem ?? facts;
}

function readCartId(fields: Fields): string {
  const cartId = fields.readableId('id') ?? fields.readableId('uuid');
  if (cartId !== null) return cartId;
  // Names what is wrong with the given values, else that both are missing.
  for (const key of ['id', 'uuid']) fields.id(key);
  fields.refuse('id', 'no_cart_id', 'is missing, and so is uuid; send the id of the cart.');
  return '';
}

function readStatus(fields: Fields): string | null {
  const status = fields.readableStatus('status');
  if (status !== null) return status;
  const value = fields.raw('status');
  return value === undefined || typeof value === 'string'
    ? fields.refuse('status', 'no_status', 'is missing; send the status of the cart as text.')
    : fields.refuse('status', 'wrong_type', 'must be text.');
}

function readIdentifiers(fields: Fields, defaultCountry: string): ReadIdentifiers {
  return identifiersOf(
    {
      user_id: fields.readableIdentifier('user_id'),
      external_id: fields.readableIdentifier('external_user_id'),
      external_source: fields.readableIdentifier('external_user_source'),
      phone: fields.raw('customer_phone_number'),
      email: fields.raw('customer_email_address'),
    },
    defaultCountry,
  );
}

/**
 * The lines of the cart, at most MAX_PRODUCTS of them, and whether the cart is known to be empty. A line that cannot
 * be read may be a product, so a list with such a line and no other above 0 is treated as absent.
 */
function readProducts(fields: Fields): { products: Product[] | null; empty: boolean } {
  const list = fields.readableList('products');
  if (list === null) return { products: null, empty: false };
  const products: Product[] = [];
  let holds = false;
  let unread = false;
  for (const item of list) {
    if (!isObject(item)) {
      unread = true;
      continue;
    }
    const line = new Fields(item, '');
    const count = line.readableNumber('count') ?? 1;
    holds ||= count > 0;
    if (products.length < MAX_PRODUCTS)
      products.push({ product_id: line.readableId('product_id') ?? '', count, price: line.readableNumber('price') });
  }
  return unread && !holds ? { products: null, empty: false } : { products, empty: !holds };
}

/** A descriptive time: null if it is missing or cannot be read. */
function shownTime(fields: Fields, key: string, timeZone: string): number | null {
  const value = fields.raw(key);
  const time = typeof value === 'string' ? readTime(value, timeZone) : null;
  return time === null || time < FIRST_SHOWN_MS || time >= LAST_SHOWN_MS ? null : time;
}
