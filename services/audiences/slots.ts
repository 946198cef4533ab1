import { ByteReader, ByteWriter } from '../../lib/bytes/index.ts';

/** What the state holds of one person: a slot for each audience that they are in, or may enter by time alone. */
export interface Slot {
  /** The number of the audience. */
  audience: number;
  member: boolean;
  /** When time alone may change that, Unix ms; null: never. */
  nextMs: number | null;
}

/** A byte with the format, then for each slot the audience's number, 1 for a member, and 0 or 1 + the time. */
const FORMAT = 2;
/** Slots of 13 bytes: the number (4, big-endian), 1 for a member, the time as a double (big-endian; NaN for null). */
const FORMAT_OF_FIXED_SIZE = 1;
const FIXED_BYTES = 13;

/** Holds nothing between calls. */
const scratch = new ByteWriter(64);

export function encodeSlots(slots: readonly Slot[]): Buffer {
  scratch.reset().byte(FORMAT);
  for (const { audience, member, nextMs } of slots) {
    scratch.unsigned(audience);
    scratch.byte(member ? 1 : 0);
    scratch.unsigned(nextMs === null ? 0 : 1 + nextMs);
  }
  return scratch.take();
}

type VisitSlot = (audience: number, member: boolean, nextMs: number | null) => void;

/** Calls `visit` with what each slot holds, without an object for each. Throws DamagedStateError. */
export function visitSlots(buffer: Buffer, visit: VisitSlot): void {
  const reader = new ByteReader(buffer, 'the entry of a person');
  const format = reader.byte();
  if (format !== FORMAT && format !== FORMAT_OF_FIXED_SIZE) reader.fail('a format from 1 to 2', 0);
  while (!reader.done) {
    if (format === FORMAT_OF_FIXED_SIZE) visitFixed(reader, visit);
    else {
      const audience = reader.unsigned();
      const member = reader.byte() === 1;
      const next = reader.unsigned();
      visit(audience, member, next === 0 ? null : next - 1);
    }
  }
}

function visitFixed(reader: ByteReader, visit: VisitSlot): void {
  const at = reader.advance(FIXED_BYTES, 'a slot');
  const nextMs = reader.bytes.readDoubleBE(at + 5);
  visit(reader.bytes.readUInt32BE(at), reader.bytes[at + 4] === 1, Number.isNaN(nextMs) ? null : nextMs);
}

/** Throws DamagedStateError. */
export function decodeSlots(buffer: Buffer): Slot[] {
  const slots: Slot[] = [];
  visitSlots(buffer, (audience, member, nextMs) => slots.push({ audience, member, nextMs }));
  return slots;
}
