import { defineConfig, integer } from '../../lib/config/index.ts';

export const AUDIENCES_CONFIG = defineConfig({
  name: 'audiences',
  doc: 'Keeps live audiences: writes to audience-changes who enters and who leaves.',
  fields: {
    AUDIENCES_INTERVAL_MS: integer(
      200,
      'Minimum time between the starts of two evaluations of one partition. Longer: fewer and larger questions to ClickHouse. Shorter: fresher audiences.',
      { min: 0, max: 10_000, unit: 'milliseconds' },
    ),
  },
});
