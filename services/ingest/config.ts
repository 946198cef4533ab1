import { defineConfig, integer } from '../../lib/config/index.ts';

export const ingestConfig = defineConfig({
  name: 'ingest',
  doc: 'Accepts webhooks from Jane, bulk imports of events, and records of people, and writes them to Kafka.',
  fields: {
    REPLAY_TOLERANCE_SECONDS: integer(
      300,
      'Largest accepted difference between the request timestamp of a webhook and the current time.',
      {
        min: 1,
        max: 86_400,
        unit: 'seconds',
      },
    ),
    MAX_BULK_BODIES: integer(8, 'Number of concurrent bulk imports; further ones are asked to retry later.', {
      min: 1,
      max: 1000,
    }),
    IMPORT_DELAY_MS: integer(
      200,
      'Imports become slower while the stages behind them need longer than this for new records, so that webhooks are counted soon meanwhile. 0: imports never wait.',
      { min: 0, max: 3_600_000, unit: 'milliseconds' },
    ),
  },
});
