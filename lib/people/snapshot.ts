import type { CartSnapshot } from '../../schemas/types.ts';
import type { ByteReader, ByteWriter } from '../bytes/index.ts';

/**
 * Writes a snapshot, or null. The first number is a bit set: bit 0 is set if there is a snapshot, each further bit if
 * the member of that position is not null. The members follow in that order.
 */
export function writeSnapshot(writer: ByteWriter, snapshot: CartSnapshot | null): void {
  if (snapshot === null) return writer.unsigned(0);
  const { status, store_id, mode, amount } = snapshot;
  const times = snapshotTimes(snapshot);
  let present = 1;
  if (status !== null) present |= 2;
  if (store_id !== null) present |= 4;
  if (mode !== null) present |= 8;
  if (amount !== null) present |= 16;
  for (let i = 0; i < times.length; i++) if (times[i] !== null) present |= 32 << i;
  writer.unsigned(present);
  if (status !== null) writer.text(status);
  if (store_id !== null) writer.text(store_id);
  if (mode !== null) writer.text(mode);
  if (amount !== null) writer.double(amount);
  for (const time of times) if (time !== null) writer.zigzag(time);
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
  const present = reader.unsigned();
  if (present === 0) return null;
  const text = (bit: number): string | null => ((present & bit) !== 0 ? reader.text() : null);
  const time = (place: number): number | null => ((present & (32 << place)) !== 0 ? reader.zigzag() : null);
  return {
    status: text(2),
    store_id: text(4),
    mode: text(8),
    amount: (present & 16) !== 0 ? reader.double() : null,
    status_since: time(0),
    created_at: time(1),
    last_activity_at: time(2),
    due_at: time(3),
    abandoned_at: time(4),
    recovered_at: time(5),
    reservation_start_at: time(6),
    products: null,
    store_name: null,
    last_event_at: null,
    first_status_at: null,
    statuses: [],
  };
}
