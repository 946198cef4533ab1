import { defineConfig, text, url } from '../../lib/config/index.ts';

export const apiConfig = defineConfig({
  name: 'api',
  doc: 'Serves workspaces, keys, subscriptions, audiences, carts and people over HTTP, and the console.',
  fields: {
    CONSOLE_DIR: text('dist/web', 'Folder of the built console, served at /.'),
    INGEST_INTERNAL_URL: url(
      { shown: '$INGEST_URL', of: (known) => String(known('INGEST_URL')) },
      'Address at which this process reaches services/ingest, if it is not the public one.',
    ),
  },
});
