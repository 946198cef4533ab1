import type { CartUpdate, IdentifierKind } from '../../schemas/types.ts';
import type { ByteReader, ByteWriter } from '../bytes/index.ts';

/** The address that a cart carried last in the order of its events, in any order of arrival. */
export interface CartAddress {
  /** '' while it has carried none. */
  readonly value: string;
  /** T of the event, Unix milliseconds, not before 1970. */
  readonly at: number;
  /** Among events of that T, the one with the greatest bytes is the last. */
  readonly order: Buffer;
}

/** A cart's own addresses. They say where to write about this cart; who its person is does not depend on them. */
export interface CartAddresses {
  phone: CartAddress;
  email: CartAddress;
}

const NO_ORDER = Buffer.alloc(0);
export const NO_ADDRESS: CartAddress = { value: '', at: 0, order: NO_ORDER };

/** Takes the addresses of an update's event. */
export function takeAddresses(addresses: CartAddresses, update: CartUpdate): void {
  if (update.occurred_at === null) return;
  const at = Math.max(0, update.occurred_at);
  // Records of earlier versions do not have the order of their event.
  const order = update.event_order ?? NO_ORDER;
  addresses.phone = later(addresses.phone, { value: addressIn(update, 'phone'), at, order });
  addresses.email = later(addresses.email, { value: addressIn(update, 'email'), at, order });
}

const addressIn = ({ identifiers }: CartUpdate, kind: IdentifierKind): string =>
  identifiers.find((identifier) => identifier.kind === kind)?.value ?? '';

function later(known: CartAddress, other: CartAddress): CartAddress {
  if (other.value === '') return known;
  if (known.value === '' || other.at !== known.at) return known.value === '' || other.at > known.at ? other : known;
  const compared = Buffer.compare(other.order, known.order);
  if (compared !== 0) return compared > 0 ? other : known;
  return other.value > known.value ? other : known;
}

export const addressOrNull = ({ value }: CartAddress): string | null => (value === '' ? null : value);

export function writeAddress(writer: ByteWriter, { value, at, order }: CartAddress): void {
  writer.text(value);
  if (value === '') return;
  writer.unsigned(at);
  writer.block(order);
}

export function readAddress(reader: ByteReader): CartAddress {
  const value = reader.text();
  return value === '' ? NO_ADDRESS : { value, at: reader.unsigned(), order: reader.block() };
}
