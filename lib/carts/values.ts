/**
 * The seven values that events carry and traits and carts take from them: each by itself from the latest event that
 * carries one (semantics §3, "Both traits"). A value is written once; events and traits have references to it, numbers
 * from 1 on: of products the number of a list (catalogue.ts), of the others the offset in the records + 1. 0: no value.
 */
import type { CartEvent } from '../../schemas/types.ts';
import { ByteReader, sameBytes, type ByteWriter } from '../bytes/index.ts';
import { CART_STATE } from './format.ts';

export const STORE = 0;
export const MODE = 1;
export const AMOUNT = 2;
export const PRODUCTS = 3;
export const RESERVATION = 4;
export const CREATED = 5;
export const STORE_NAME = 6;
/** The number of values. */
export const VALUES = 7;

/** The values that trait events show. */
export const TRAIT_VALUES = [STORE, MODE, AMOUNT, PRODUCTS];

/** The section of a state that holds the values: offsets in `bytes`. */
export interface RecordsSection {
  bytes: Buffer;
  recordsAt: number;
  /** The offset at which the records end. */
  keysAt: number;
}

/** Writes value `which` of the event, which is not PRODUCTS; false when it carries none. */
export function writeValue(writer: ByteWriter, which: number, event: CartEvent): boolean {
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
    case STORE_NAME:
      return writeText(writer, event.store_name);
    default:
      return writeTime(writer, event.cart_created_at);
  }
}

/** Moves past value `which`, which is not PRODUCTS. */
export function skipValue(reader: ByteReader, which: number): void {
  if (which === STORE || which === MODE || which === STORE_NAME) reader.skipText();
  else if (which === AMOUNT) reader.number();
  else reader.signed();
}

/** Whether the values of two references are equal. */
export function sameValue(records: RecordsSection, which: number, a: number, b: number): boolean {
  if (a === b) return true;
  // Equal lists have one number.
  if (a === 0 || b === 0 || which === PRODUCTS) return false;
  const reader = readerAt(records, a);
  const start = reader.at;
  skipValue(reader, which);
  return sameBytes(records.bytes, start, records.bytes, records.recordsAt + b - 1, reader.at - start);
}

/** @param reference to a text */
export function textAt(records: RecordsSection, reference: number): string | null {
  return reference === 0 ? null : readerAt(records, reference).text();
}

/** @param reference to the amount */
export function numberAt(records: RecordsSection, reference: number): number | null {
  return reference === 0 ? null : readerAt(records, reference).number();
}

/** @param reference to a time */
export function timeAt(records: RecordsSection, reference: number): number | null {
  return reference === 0 ? null : readerAt(records, reference).signed();
}

function readerAt({ bytes, recordsAt, keysAt }: RecordsSection, reference: number): ByteReader {
  return new ByteReader(bytes, CART_STATE, recordsAt + reference - 1, keysAt);
}

function writeText(writer: ByteWriter, value: string | null): boolean {
  if (value === null) return false;
  writer.text(value);
  return true;
}

function writeTime(writer: ByteWriter, value: number | null): boolean {
  if (value === null) return false;
  writer.signed(value);
  return true;
}
