import { defineConfig, integer, text, url } from '../../lib/config/index.ts';

export const apiConfig = defineConfig({
  name: 'api',
  doc: 'Serves workspaces, keys, subscriptions, audiences, carts and people over HTTP, and the console.',
  fields: {
    CONSOLE_DIR: text('dist/web', 'Folder of the built console, served at /.'),
    QUERY_MEMORY_MAX_MB: integer(
      2000,
      'Memory of one query in ClickHouse; a query that needs more is answered with 503. Up to 5 queries and 2 exports of a workspace run at once.',
      { min: 10, max: 1_000_000, unit: 'MB' },
    ),
    INGEST_INTERNAL_URL: url(
      { shown: '$INGEST_URL', of: (known) => String(known('INGEST_URL')) },
      'Address at which this process reaches services/ingest, if it is not the public one.',
    ),
  },
});
