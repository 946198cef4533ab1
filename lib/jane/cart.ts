import type { CartEvent, Product } from '../../schemas/types.ts';
import { identifiersOf, type ReadIdentifiers } from '../people/identifiers.ts';
import { Fields } from './fields.ts';
import { isObject, type JsonObject } from './json.ts';
import { MAX_PRODUCTS } from './limits.ts';
import type { DeliveryKind } from './settings.ts';
import { readTime } from './times.ts';
import { Unusable } from './unusable.ts';

/** What a cart says, apart from when and how it came. */
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

/** Times outside of these are nonsense and would not fit the columns of analysts. */
const FIRST_SHOWN_MS = Date.UTC(1970, 0, 1);
const LAST_SHOWN_MS = Date.UTC(2200, 0, 1);

/** Reads Jane's `cart` object, found at the pointer `/cart`; unknown members are left to the raw body. */
export function readCart(
  cart: JsonObject,
  kind: DeliveryKind,
  timeZone: string,
  defaultCountry: string,
): CartFacts | Unusable {
  const fields = new Fields(cart, '/cart');
  const cartId = fields.id('id') ?? (fields.problem === null ? fields.id('uuid') : null);
  if (cartId === null) fields.refuse('id', 'no_cart_id', 'is missing, and so is uuid; send the id of the cart.');
  // Only cart_status says something about the status, whatever a payload of another kind carries.
  const status = kind === 'cart_status' ? fields.text('status') : null;
  if (kind === 'cart_status' && (status === null || status === ''))
    fields.refuse('status', 'no_status', 'is missing; send the status of the cart as text.');
  const products = readProducts(fields);
  const facts: CartFacts = {
    cart_id: cartId ?? '',
    status,
    emptying: isEmptying(kind, status, products),
    store_id: fields.id('store_id'),
    store_name: fields.label('store_name'),
    mode: fields.text('reservation_mode') || null,
    amount: fields.number('amount'),
    products,
    cart_created_at: shownTime(fields, 'created_at', timeZone),
    reservation_start_at: shownTime(fields, 'reservation_start_window', timeZone),
    who: readIdentifiers(fields, defaultCountry),
    name: fields.label('customer_name'),
  };
  return fields.problem ?? facts;
}

/** An activity or pending whose products are there, none with a count above 0. */
function isEmptying(kind: DeliveryKind, status: string | null, products: Product[] | null): boolean {
  if (products === null || !(kind === 'cart_activity' || status === 'pending')) return false;
  return !products.some((product) => product.count > 0);
}

function readIdentifiers(fields: Fields, defaultCountry: string): ReadIdentifiers {
  return identifiersOf(
    {
      user_id: fields.id('user_id'),
      external_id: fields.id('external_user_id'),
      external_source: fields.id('external_user_source'),
      phone: fields.raw('customer_phone_number'),
      email: fields.raw('customer_email_address'),
    },
    defaultCountry,
  );
}

function readProducts(fields: Fields): Product[] | null {
  const list = fields.list('products');
  if (list === null) return null;
  if (list.length > MAX_PRODUCTS) {
    fields.refuse('products', 'too_long', `has more than ${MAX_PRODUCTS} lines; send at most that many.`);
    return null;
  }
  const products: Product[] = [];
  for (const [index, item] of list.entries()) {
    const at = `/cart/products/${index}`;
    if (!isObject(item)) {
      fields.problem ??= new Unusable('wrong_type', at, 'must be an object with product_id, count and price.');
      return null;
    }
    const line = new Fields(item, at);
    products.push({
      product_id: line.id('product_id') ?? '',
      count: line.number('count') ?? 1,
      price: line.number('price'),
    });
    fields.problem ??= line.problem;
  }
  return products;
}

/** A time that only describes: null where there is none or it cannot be read. */
function shownTime(fields: Fields, key: string, timeZone: string): number | null {
  const value = fields.raw(key);
  const time = typeof value === 'string' ? readTime(value, timeZone) : null;
  return time === null || time < FIRST_SHOWN_MS || time >= LAST_SHOWN_MS ? null : time;
}
