import { describe, expect, it } from 'vitest';
import { DamagedStateError } from '../../lib/bytes/index.ts';
import { randomFrom } from '../../lib/carts/testing/random.ts';
import { decodeSlots, encodeSlots, type Slot } from './slots.ts';

describe('slots', () => {
  it('are read as they were written', () => {
    const random = randomFrom(1);
    for (let i = 0; i < 200; i++) {
      const slots: Slot[] = Array.from({ length: random.below(5) }, () => ({
        audience: random.below(2 ** 32),
        member: random.chance(0.5),
        nextMs: random.chance(0.3) ? null : random.below(2 ** 43),
      }));
      expect(decodeSlots(encodeSlots(slots))).toEqual(slots);
    }
  });

  it('of another format, or cut off, are refused', () => {
    const bytes = encodeSlots([{ audience: 1, member: true, nextMs: 1_700_000_000_000 }]);
    for (let size = 0; size < bytes.length; size++)
      if (size !== 1) expect(() => decodeSlots(bytes.subarray(0, size)), `${size}`).toThrow(DamagedStateError);
    bytes[0] = 3;
    expect(() => decodeSlots(bytes)).toThrow(
      'the entry of a person is damaged at byte 0: expected a format from 1 to 2',
    );
  });

  it.each([
    ['1', '0100000007014278bcfe56800000'],
    ['2', '02070181d095ffbc31'],
  ])('have a format %s that stays readable', (_, stored) => {
    expect(decodeSlots(Buffer.from(stored, 'hex'))).toEqual([{ audience: 7, member: true, nextMs: 1_700_000_000_000 }]);
  });

  it('cut off in the first format are refused', () => {
    const stored = Buffer.from('0100000007014278bcfe568000', 'hex');
    expect(() => decodeSlots(stored)).toThrow('expected 13 bytes of a slot');
  });
});
