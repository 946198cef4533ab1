import { build } from 'esbuild';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/** Bundles a worker with its packages, that of the renderer unless another one is named; returns where it is. */
export async function bundleWorker(entry = 'lib/rendering/worker.ts'): Promise<URL> {
  const outfile = join(mkdtempSync(join(tmpdir(), 'jane-traits-worker-')), 'worker.cjs');
  await build({
    ...{ entryPoints: [entry], outfile, bundle: true, loader: { '.avsc': 'json' } },
    ...{ platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' },
  });
  return pathToFileURL(outfile);
}
