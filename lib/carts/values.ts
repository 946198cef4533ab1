/**
 * The six values that events carry and traits and carts take from them: each by itself from the latest event that
 * carries one (semantics §3, "Both traits"). A value is written once; later events and traits point to its place.
 */
import type { CartEvent, Product } from '../../schemas/types.ts';
import { Reader, type Writer } from './bytes.ts';

export const STORE = 0;
export const MODE = 1;
export const AMOUNT = 2;
export const PRODUCTS = 3;
export const RESERVATION = 4;
export const CREATED = 5;
/** How many values there are. */
export const VALUES = 6;

/** Those that traits show. */
export const TRAIT_VALUES = [STORE, MODE, AMOUNT, PRODUCTS];

const NO_PRICE = 3;

/** Writes value `which` of the event; false when it carries none (null carries nothing, an empty list does). */
export function writeValue(writer: Writer, which: number, event: CartEvent): boolean {
  switch (which) {
    case STORE:
      return writeText(writer, event.store_id);
    case MODE:
      return writeText(writer, event.mode);
    case AMOUNT:
      if (event.amount === null) return false;
      writer.number(event.amount);
      return true;
    case PRODUCTS:
      if (event.products === null) return false;
      writeProducts(writer, event.products);
      return true;
    case RESERVATION:
      return writeTime(writer, event.reservation_start_at);
    default:
      return writeTime(writer, event.cart_created_at);
  }
}

/** Moves past value `which`. */
export function skipValue(reader: Reader, which: number): void {
  if (which === STORE || which === MODE) reader.skipText();
  else if (which === AMOUNT) reader.number();
  else if (which === PRODUCTS) skipProducts(reader);
  else reader.signed();
}

/** Whether the values at two places (0: none) are equal. */
export function sameValue(state: Buffer, recordsAt: number, which: number, a: number, b: number): boolean {
  if (a === b) return true;
  if (a === 0 || b === 0) return false;
  const startA = recordsAt + a - 1;
  const startB = recordsAt + b - 1;
  const reader = new Reader(state, startA);
  skipValue(reader, which);
  const size = reader.at - startA;
  return startB + size <= state.length && state.compare(state, startB, startB + size, startA, startA + size) === 0;
}

export function readProducts(reader: Reader): Product[] {
  const products: Product[] = [];
  for (let left = reader.unsigned(); left > 0; left--) {
    const productId = reader.text();
    const count = reader.number();
    const priced = reader.byte() !== NO_PRICE;
    products.push({ product_id: productId, count, price: priced ? reader.number() : null });
  }
  return products;
}

function skipProducts(reader: Reader): void {
  for (let left = reader.unsigned(); left > 0; left--) {
    reader.skipText();
    reader.number();
    if (reader.byte() !== NO_PRICE) reader.number();
  }
}

function writeProducts(writer: Writer, products: readonly Product[]): void {
  writer.unsigned(products.length);
  for (const { product_id: productId, count, price } of products) {
    writer.text(productId);
    writer.number(count);
    if (price === null) {
      writer.byte(NO_PRICE);
    } else {
      writer.byte(0);
      writer.number(price);
    }
  }
}

function writeText(writer: Writer, value: string | null): boolean {
  if (value === null) return false;
  writer.text(value);
  return true;
}

function writeTime(writer: Writer, value: number | null): boolean {
  if (value === null) return false;
  writer.signed(value);
  return true;
}
