/**
 * The six values that events carry and traits and carts take from them: each by itself from the latest event that
 * carries one (semantics §3, "Both traits"). A value is written once; later events and traits point to its place: that
 * of products is the place of a list (catalogue.ts), that of the others the offset within the records, from 1 on.
 */
import type { CartEvent } from '../../schemas/types.ts';
import { Reader, sameBytes, type Writer } from './bytes.ts';

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

/** Writes value `which` of the event, which is not PRODUCTS; false when it carries none. */
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
    case RESERVATION:
      return writeTime(writer, event.reservation_start_at);
    default:
      return writeTime(writer, event.cart_created_at);
  }
}

/** Moves past value `which`, which is not PRODUCTS. */
export function skipValue(reader: Reader, which: number): void {
  if (which === STORE || which === MODE) reader.skipText();
  else if (which === AMOUNT) reader.number();
  else reader.signed();
}

/** Whether the values at two places (0: none) are equal. */
export function sameValue(state: Buffer, recordsAt: number, which: number, a: number, b: number): boolean {
  if (a === b) return true;
  // Equal lists have one place.
  if (a === 0 || b === 0 || which === PRODUCTS) return false;
  const startA = recordsAt + a - 1;
  const reader = new Reader(state, startA);
  skipValue(reader, which);
  return sameBytes(state, startA, state, recordsAt + b - 1, reader.at - startA);
}

/** @param place of a text, 0 for none */
export function textAt(state: Buffer, recordsAt: number, place: number): string | null {
  return place === 0 ? null : new Reader(state, recordsAt + place - 1).text();
}

/** @param place of the amount, 0 for none */
export function numberAt(state: Buffer, recordsAt: number, place: number): number | null {
  return place === 0 ? null : new Reader(state, recordsAt + place - 1).number();
}

/** @param place of a time, 0 for none */
export function timeAt(state: Buffer, recordsAt: number, place: number): number | null {
  return place === 0 ? null : new Reader(state, recordsAt + place - 1).signed();
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
