/** What the state holds of one person: a slot for each audience that they are in, or may enter by time alone. */
export interface Slot {
  /** The number of the audience. */
  audience: number;
  member: boolean;
  /** When time alone may change that, Unix ms; null: never. */
  nextMs: number | null;
}

/*
 * Encoded: version (1 byte), then for each slot the audience's number (4), 1 for a member (1), the time (8; NaN for
 * null).
 */
const VERSION = 1;
const SLOT_BYTES = 13;

export function encodeSlots(slots: readonly Slot[]): Buffer {
  const buffer = Buffer.allocUnsafe(1 + slots.length * SLOT_BYTES);
  buffer[0] = VERSION;
  slots.forEach(({ audience, member, nextMs }, i) => {
    const at = 1 + i * SLOT_BYTES;
    buffer.writeUInt32BE(audience, at);
    buffer[at + 4] = member ? 1 : 0;
    buffer.writeDoubleBE(nextMs ?? Number.NaN, at + 5);
  });
  return buffer;
}

/** Calls `visit` with what each slot holds, without an object for each. Throws an Error for bytes that are not slots. */
export function visitSlots(
  buffer: Buffer,
  visit: (audience: number, member: boolean, nextMs: number | null) => void,
): void {
  const count = (buffer.length - 1) / SLOT_BYTES;
  if (buffer[0] !== VERSION || !Number.isInteger(count)) {
    throw new Error(`the entry of a person has ${buffer.length} bytes of version ${buffer[0]}`);
  }
  for (let at = 1; at < buffer.length; at += SLOT_BYTES) {
    const nextMs = buffer.readDoubleBE(at + 5);
    visit(buffer.readUInt32BE(at), buffer[at + 4] === 1, Number.isNaN(nextMs) ? null : nextMs);
  }
}

/** Throws an Error for bytes that are not slots. */
export function decodeSlots(buffer: Buffer): Slot[] {
  const slots: Slot[] = [];
  visitSlots(buffer, (audience, member, nextMs) => slots.push({ audience, member, nextMs }));
  return slots;
}
