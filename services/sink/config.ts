import { defineConfig, flag, integer } from '../../lib/config/index.ts';

export const SINK_CONFIG = defineConfig({
  name: 'sink',
  doc: 'Writes trait-events and dead-letters into ClickHouse.',
  fields: {
    SINK_BLOCK_INTERVAL_MS: integer(
      100,
      'Blocks begin at least so far apart, unless one is full. Longer: fewer, larger inserts; shorter: fresher counts.',
      { min: 0, max: 60_000, unit: 'milliseconds' },
    ),
    SINK_BLOCK_RECORDS_MAX: integer(50_000, 'A block with so many records is written at once.', {
      min: 1,
      max: 1_000_000,
      unit: 'records',
    }),
    SINK_BLOCK_BYTES_MAX: integer(32 * 1024 * 1024, 'A block with so many bytes of rows is written at once.', {
      min: 1024,
      max: 1024 * 1024 * 1024,
      unit: 'bytes',
    }),
    SINK_ACCEPT_LOST: flag(
      false,
      'Go on where Kafka deleted records before the sink read them; otherwise such a partition stands still and alerts.',
    ),
  },
});
