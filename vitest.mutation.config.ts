import { defineConfig } from 'vitest/config';

/** The tests of carts alone, few runs of each: what `npm run test:mutation` runs once for every mutant. */
export default defineConfig({
  test: {
    include: ['lib/carts/*.test.ts'],
    exclude: ['lib/carts/arrival.property.test.ts', 'lib/carts/capacity.test.ts'],
    environment: 'node',
    testTimeout: 30_000,
    env: { JT_RUNS: '200', JT_ORDERS: '12', JT_SEED: '1' },
  },
});
