import { build } from 'esbuild';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Bundles the worker with its packages; returns where it is. */
export async function bundleWorker(): Promise<URL> {
  const outfile = join(mkdtempSync(join(tmpdir(), 'jane-traits-rendering-')), 'worker.cjs');
  await build({
    ...{ entryPoints: ['lib/rendering/worker.ts'], outfile, bundle: true },
    ...{ platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' },
  });
  return pathToFileURL(outfile);
}
