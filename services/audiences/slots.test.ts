import { describe, expect, it } from 'vitest';
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

  it('of another version, or cut off, are refused', () => {
    const bytes = encodeSlots([{ audience: 1, member: true, nextMs: null }]);
    expect(() => decodeSlots(bytes.subarray(0, -1))).toThrow('13 bytes of version 1');
    bytes[0] = 2;
    expect(() => decodeSlots(bytes)).toThrow('version 2');
  });

  it('have a format that stays readable', () => {
    const stored = Buffer.from('010000000701ffffffffffffffff'.replace('ffffffffffffffff', '4278bcfe56800000'), 'hex');
    expect(decodeSlots(stored)).toEqual([{ audience: 7, member: true, nextMs: 1_700_000_000_000 }]);
  });
});
