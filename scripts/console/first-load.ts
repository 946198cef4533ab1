/** How much a browser loads before it shows the first page, from the manifest of the build. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** The part of Vite's manifest that is used here: https://vite.dev/guide/backend-integration. */
type Manifest = Record<string, { file: string; imports?: string[]; css?: string[]; isEntry?: boolean }>;

export interface LoadedFile {
  file: string;
  bytes: number;
  gzipBytes: number;
}

export interface FirstLoad {
  scripts: LoadedFile[];
  styles: LoadedFile[];
  /** The sum of all scripts. */
  scriptGzipBytes: number;
}

export const MANIFEST = '.vite/manifest.json';

/**
 * The files of the frame and of the given pages. `folder`: the built console. `pages`: sources that the frame loads on
 * demand, such as `src/live/LivePage.tsx`. Throws an Error for a page that is not in the build.
 */
export function firstLoad(folder: string, pages: readonly string[]): FirstLoad {
  const manifest = JSON.parse(readFileSync(join(folder, MANIFEST), 'utf8')) as Manifest;
  const seen = new Set<string>();
  const visit = (name: string): void => {
    const chunk = manifest[name];
    if (!chunk) throw new Error(`${name} is not in ${MANIFEST}`);
    if (seen.has(name)) return;
    seen.add(name);
    for (const imported of chunk.imports ?? []) visit(imported);
  };
  for (const name of [...Object.keys(manifest).filter((key) => manifest[key]?.isEntry), ...pages]) visit(name);
  const chunks = [...seen].map((name) => manifest[name]!);
  const scripts = [...new Set(chunks.map(({ file }) => file))].map((file) => measure(folder, file));
  const styles = [...new Set(chunks.flatMap(({ css = [] }) => css))].map((file) => measure(folder, file));
  return { scripts, styles, scriptGzipBytes: scripts.reduce((sum, { gzipBytes }) => sum + gzipBytes, 0) };
}

function measure(folder: string, file: string): LoadedFile {
  const content = readFileSync(join(folder, file));
  return { file, bytes: content.length, gzipBytes: gzipSync(content).length };
}
