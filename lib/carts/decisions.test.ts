import { expect, it } from 'vitest';
import { ABANDONED, decisionKey } from './decisions.ts';

it('trait events that differ in trait, status or T have different keys, as numbers and as texts', () => {
  const statuses = [ABANDONED, 0, 1, 2, 2_045, 2_046, 2_047, 2_048, 4_000];
  const times = [-1, 0, 1, 2, 1_800_000_000_000, 2 ** 42 - 2, 2 ** 42 - 1, 2 ** 42, 2 ** 42 + 1, 8_640_000_000_000_000];
  const keys = statuses.flatMap((status) => times.map((at) => decisionKey(status, at)));
  expect(new Set(keys).size).toBe(statuses.length * times.length);
  expect(new Set(keys.map((key) => typeof key))).toEqual(new Set(['number', 'string']));
  for (const key of keys) if (typeof key === 'number') expect(Number.isSafeInteger(key)).toBe(true);
});
