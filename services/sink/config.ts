import { defineConfig, flag, integer } from '../../lib/config/index.ts';

export const SINK_CONFIG = defineConfig({
  name: 'sink',
  doc: 'Writes trait-events and dead-letters into ClickHouse.',
  fields: {
    SINK_BLOCK_INTERVAL_MS: integer(
      50,
      'Minimum time between the starts of two blocks, unless a block is full. Longer: fewer and larger inserts. Shorter: fresher counts.',
      { min: 0, max: 60_000, unit: 'milliseconds' },
    ),
    SINK_LEDGER_INTERVAL_MS: integer(
      200,
      'Minimum time between two completions of blocks that are counted already: their rows of carts and in the order of people, and their rows in the ledger. Longer: fewer inserts. Shorter: fresh_through follows sooner.',
      { min: 0, max: 60_000, unit: 'milliseconds' },
    ),
    SINK_BLOCK_RECORDS_MAX: integer(50_000, 'Number of records at which a block is full and written immediately.', {
      min: 1,
      max: 1_000_000,
      unit: 'records',
    }),
    SINK_BLOCK_BYTES_MAX: integer(
      32 * 1024 * 1024,
      'Number of bytes of rows at which a block is full and written immediately.',
      {
        min: 1024,
        max: 1024 * 1024 * 1024,
        unit: 'bytes',
      },
    ),
    SINK_ACCEPT_LOST: flag(
      false,
      'Continue where Kafka deleted records before the sink read them. Otherwise such a partition stops and raises an alert.',
    ),
  },
});
