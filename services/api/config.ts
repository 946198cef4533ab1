import { defineConfig, text } from '../../lib/config/index.ts';

export const apiConfig = defineConfig({
  name: 'api',
  doc: 'Workspaces, keys, subscriptions, audiences and what is known about carts and people; serves the console.',
  fields: {
    CONSOLE_DIR: text('dist/web', 'Folder of the built console, served at /.'),
  },
});
