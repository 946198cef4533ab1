import { defineConfig } from '../../lib/config/index.ts';

export const DELIVERY_CONFIG = defineConfig({
  name: 'delivery',
  doc: 'Sends the messages of flows and answers their questions: from send-requests to flow-inputs.',
  fields: {},
});
