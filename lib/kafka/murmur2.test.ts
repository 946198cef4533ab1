import { expect, it } from 'vitest';
import { murmur2, partitionFor } from './murmur2.ts';

it('hashes as the Java client does', () => {
  // From the test suite of Kafka's own Utils.murmur2.
  const cases: Record<string, number> = {
    '21': -973932308,
    foobar: -790332482,
    'a-little-bit-long-string': -985981536,
    'a-little-bit-longer-string': -1486304829,
    lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
    abc: 479470107,
  };
  for (const [text, hash] of Object.entries(cases)) expect(murmur2(Buffer.from(text))).toBe(hash);
});

it('gives every key one of the partitions', () => {
  const seen = new Set(Array.from({ length: 1000 }, (_, i) => partitionFor(`workspace:cart-${i}`, 8)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
