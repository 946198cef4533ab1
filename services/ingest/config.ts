import { defineConfig, integer } from '../../lib/config/index.ts';

export const ingestConfig = defineConfig({
  name: 'ingest',
  doc: 'Takes in webhooks of Jane, bulk imports of events and records of people, and keeps them in Kafka.',
  fields: {
    REPLAY_TOLERANCE_SECONDS: integer(300, 'How far the request timestamp of a webhook may be off, either way.', {
      min: 1,
      max: 86_400,
      unit: 'seconds',
    }),
    MAX_BULK_BODIES: integer(8, 'Bulk imports under way at once; more are asked to come back later.', {
      min: 1,
      max: 1000,
    }),
  },
});
