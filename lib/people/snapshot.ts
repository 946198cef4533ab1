import type { CartSnapshot, CartStatus } from '../../schemas/types.ts';
import type { ByteReader, ByteWriter } from '../bytes/index.ts';
import { decodeProducts, encodeProducts } from './rows.ts';
import type { Scratch } from './scratch.ts';

// Bits of a snapshot's first number: which members there are. From PRODUCTS on: since format 4 of a source.
const SNAPSHOT = 1;
const STATUS = 1 << 1;
const STORE = 1 << 2;
const MODE = 1 << 3;
const AMOUNT = 1 << 4;
/** The bit of the first of the times; those of the others follow. */
const TIMES = 1 << 5;
const PRODUCTS = 1 << 12;
const STORE_NAME = 1 << 13;
const LAST_EVENT = 1 << 14;
const FIRST_STATUS = 1 << 15;
const STATUSES = 1 << 16;

/**
 * Writes a snapshot, or null. The first number is a bit set: bit 0 is set if there is a snapshot, each further bit if
 * the member of that position is not null. The members follow in that order.
 */
export function writeSnapshot({ entry: writer, inner }: Scratch, snapshot: CartSnapshot | null): void {
  if (snapshot === null) return writer.unsigned(0);
  const { status, store_id, mode, amount } = snapshot;
  const { products, store_name, last_event_at, first_status_at, statuses } = snapshot;
  const times = snapshotTimes(snapshot);
  writer.unsigned(membersOf(snapshot, times));
  if (status !== null) writer.text(status);
  if (store_id !== null) writer.text(store_id);
  if (mode !== null) writer.text(mode);
  if (amount !== null) writer.double(amount);
  for (const time of times) if (time !== null) writer.zigzag(time);
  if (products !== null) writer.block(encodeProducts(inner, products));
  if (store_name !== null) writer.text(store_name);
  if (last_event_at !== null) writer.zigzag(last_event_at);
  if (first_status_at !== null) writer.zigzag(first_status_at);
  if (statuses.length > 0) writeStatuses(writer, statuses);
}

function membersOf(snapshot: CartSnapshot, times: readonly (number | null)[]): number {
  let members = SNAPSHOT;
  if (snapshot.status !== null) members |= STATUS;
  if (snapshot.store_id !== null) members |= STORE;
  if (snapshot.mode !== null) members |= MODE;
  if (snapshot.amount !== null) members |= AMOUNT;
  for (let i = 0; i < times.length; i++) if (times[i] !== null) members |= TIMES << i;
  if (snapshot.products !== null) members |= PRODUCTS;
  if (snapshot.store_name !== null) members |= STORE_NAME;
  if (snapshot.last_event_at !== null) members |= LAST_EVENT;
  if (snapshot.first_status_at !== null) members |= FIRST_STATUS;
  if (snapshot.statuses.length > 0) members |= STATUSES;
  return members;
}

const snapshotTimes = (snapshot: CartSnapshot): (number | null)[] => [
  snapshot.status_since,
  snapshot.created_at,
  snapshot.last_activity_at,
  snapshot.due_at,
  snapshot.abandoned_at,
  snapshot.recovered_at,
  snapshot.reservation_start_at,
];

export function readSnapshot(reader: ByteReader): CartSnapshot | null {
  const members = reader.unsigned();
  if (members === 0) return null;
  const has = (bit: number): boolean => (members & bit) !== 0;
  const text = (bit: number): string | null => (has(bit) ? reader.text() : null);
  const time = (bit: number): number | null => (has(bit) ? reader.zigzag() : null);
  return {
    status: text(STATUS),
    store_id: text(STORE),
    mode: text(MODE),
    amount: has(AMOUNT) ? reader.double() : null,
    status_since: time(TIMES),
    created_at: time(TIMES << 1),
    last_activity_at: time(TIMES << 2),
    due_at: time(TIMES << 3),
    abandoned_at: time(TIMES << 4),
    recovered_at: time(TIMES << 5),
    reservation_start_at: time(TIMES << 6),
    products: has(PRODUCTS) ? decodeProducts(reader.block()) : null,
    store_name: text(STORE_NAME),
    last_event_at: time(LAST_EVENT),
    first_status_at: time(FIRST_STATUS),
    statuses: has(STATUSES) ? readStatuses(reader) : [],
  };
}

function writeStatuses(writer: ByteWriter, statuses: readonly CartStatus[]): void {
  writer.unsigned(statuses.length);
  for (const { status, began_at, left_at } of statuses) {
    writer.text(status);
    writer.zigzag(began_at);
    writer.unsigned(left_at === null ? 0 : 1 + left_at - began_at);
  }
}

function readStatuses(reader: ByteReader): CartStatus[] {
  const statuses: CartStatus[] = [];
  for (let count = reader.unsigned(); count > 0; count--) {
    const status = reader.text();
    const began_at = reader.zigzag();
    const stay = reader.unsigned();
    statuses.push({ status, began_at, left_at: stay === 0 ? null : began_at + stay - 1 });
  }
  return statuses;
}
