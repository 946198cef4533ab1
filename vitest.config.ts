import { defineConfig } from 'vitest/config';

/**
 * `unit` needs nothing but Node; `system` runs against the real engines, which the harness starts once for the whole
 * run (or reuses). Not part of npm test, on engines of their own: `chaos`, `feeds` and `flows`, for their length,
 * and `schemathesis`, which needs Python.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: [
            '{lib,services,schemas,scripts,web,deploy,bench}/**/*.test.ts',
            'test/{conventions,harness,simulation}/**/*.test.ts',
          ],
          environment: 'node',
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'system',
          include: ['test/system/**/*.test.ts'],
          globalSetup: ['test/harness/global-setup.ts'],
          environment: 'node',
          // Most of their time they wait; each has its own corner of the engines, or engines of its own.
          maxWorkers: 2,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'chaos',
          include: ['test/chaos/**/*.test.ts'],
          environment: 'node',
          fileParallelism: false,
          testTimeout: 3_600_000,
        },
      },
      {
        test: {
          name: 'feeds',
          include: ['test/feeds/**/*.test.ts'],
          environment: 'node',
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
        },
      },
      {
        test: {
          name: 'flows',
          include: ['test/flows/**/*.test.ts'],
          environment: 'node',
          testTimeout: 3_600_000,
        },
      },
      {
        test: {
          name: 'schemathesis',
          include: ['test/schemathesis/**/*.test.ts'],
          environment: 'node',
          testTimeout: 3_600_000,
          hookTimeout: 600_000,
        },
      },
    ],
  },
});
