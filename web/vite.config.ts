import react from '@vitejs/plugin-react';
import { defineConfig } from 'vite';

/**
 * Builds the console into dist/web, where the API serves it. Nothing is inlined: the page runs under a policy
 * that allows no inline script. `npx vite web` develops it against the API on API_PORT.
 */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [react()],
  build: {
    outDir: '../dist/web',
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // For the test and the benchmark of the first load.
    manifest: true,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 800,
  },
  server: {
    host: '127.0.0.1',
    proxy: { '/v1': `http://127.0.0.1:${process.env.API_PORT ?? '7000'}` },
  },
});
