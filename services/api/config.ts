import { defineConfig, text, url } from '../../lib/config/index.ts';

export const apiConfig = defineConfig({
  name: 'api',
  doc: 'Workspaces, keys, subscriptions, audiences and what is known about carts and people; serves the console.',
  fields: {
    CONSOLE_DIR: text('dist/web', 'Folder of the built console, served at /.'),
    INGEST_INTERNAL_URL: url(
      { shown: '$INGEST_URL', of: (known) => String(known('INGEST_URL')) },
      'Address at which this process asks services/ingest, if not at its public one.',
    ),
  },
});
