/** The arrows between the folders of this project, and a few rules that keep it readable. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { GENERATED } from '../../scripts/installation/generated.ts';

const FOLDERS = ['schemas', 'lib', 'services', 'web', 'scripts', 'bench', 'test', 'deploy'];
const LINES = 400;

function sources(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'target' || entry.name === 'node_modules' ? [] : sources(path);
    return /\.(ts|tsx|mjs)$/.test(entry.name) ? [path] : [];
  });
}

interface Source {
  path: string;
  text: string;
  /** Relative imports as paths from the project's folder, others unchanged. */
  imports: string[];
}

/** `import`, `export … from` and `import()`, also those of types alone. */
const IMPORT = /(?:^|[\s;}])(?:import|export)\s*(?:[^'"`;]*?\sfrom\s*)?\(?\s*['"]([^'"]+)['"]/g;

function read(path: string): Source {
  const text = readFileSync(path, 'utf8');
  const imports = [...text.matchAll(IMPORT)].map((match) => {
    const to = match[1] ?? '';
    return to.startsWith('.') ? normalize(join(dirname(path), to)) : to;
  });
  return { path, text, imports };
}

const all = FOLDERS.flatMap(sources).map(read);
const isTest = ({ path }: Source): boolean =>
  path.endsWith('.test.ts') || path.startsWith('test/') || path.includes('/testing');
const folderOf = (path: string): string => path.split('/')[0] ?? '';
const serviceOf = (path: string): string => path.split('/').slice(0, 2).join('/');

/** "from → to" of every import for which `forbidden` holds. */
function offences(where: (source: Source) => boolean, forbidden: (to: string, from: Source) => boolean): string[] {
  return all
    .filter(where)
    .flatMap((source) => source.imports.filter((to) => forbidden(to, source)).map((to) => `${source.path} → ${to}`));
}

const within = (to: string, folders: string[]): boolean => folders.includes(folderOf(to));
const local = (to: string): boolean => existsSync(to);

describe('the arrows: schemas ← lib ← services', () => {
  it('reads imports at all', () => {
    expect(all.length).toBeGreaterThan(50);
    expect(
      offences(
        ({ path }) => path === 'lib/service/run.ts',
        (to) => to === 'lib/config/index.ts',
      ),
    ).toHaveLength(1);
  });

  it('schemas import nothing', () => {
    expect(
      offences(
        (s) => folderOf(s.path) === 'schemas' && !isTest(s),
        () => true,
      ),
    ).toEqual([]);
  });

  it('lib imports schemas and lib alone', () => {
    expect(
      offences(
        (s) => folderOf(s.path) === 'lib' && !isTest(s),
        (to) => local(to) && !within(to, ['lib', 'schemas']),
      ),
    ).toEqual([]);
  });

  it('a service imports itself, lib and schemas: never another service', () => {
    const forbidden = (to: string, from: Source): boolean =>
      local(to) && !within(to, ['lib', 'schemas']) && serviceOf(to) !== serviceOf(from.path);
    expect(offences((s) => folderOf(s.path) === 'services' && !isTest(s), forbidden)).toEqual([]);
  });

  it('nothing of the product imports tests, benches or scripts', () => {
    const product = ['schemas', 'lib', 'services', 'web', 'deploy'];
    expect(
      offences(
        (s) => product.includes(folderOf(s.path)) && !isTest(s),
        (to) => local(to) && within(to, ['test', 'bench', 'scripts']),
      ),
    ).toEqual([]);
  });

  it('the console imports no service', () => {
    expect(
      offences(
        (s) => folderOf(s.path) === 'web',
        (to) => within(to, ['services']),
      ),
    ).toEqual([]);
  });
});

describe('one place for each thing', () => {
  it('kafkajs is imported by lib/kafka, and by the engines for the topics of the registry', () => {
    const allowed = (path: string): boolean => path.startsWith('lib/kafka/') || path === 'deploy/engines/registry.ts';
    expect(
      offences(
        (s) => !allowed(s.path),
        (to) => to === 'kafkajs' || to.startsWith('kafkajs/'),
      ),
    ).toEqual([]);
  });

  it('the environment is read by programs alone: main.ts of services, scripts, configuration', () => {
    const allowed = ({ path }: Source): boolean =>
      /^services\/[^/]+\/main\.ts$/.test(path) ||
      path.startsWith('lib/config/') ||
      ['scripts', 'bench', 'test', 'deploy'].includes(folderOf(path)) ||
      path.endsWith('.test.ts') ||
      path === 'web/vite.config.ts';
    const offenders = all.filter((source) => !allowed(source) && /process\.env\b/.test(source.text));
    expect(offenders.map(({ path }) => path)).toEqual([]);
  });

  it(`no file is longer than ${LINES} lines`, () => {
    const generated = (path: string): boolean => path in GENERATED;
    const long = all.filter(({ path, text }) => !generated(path) && text.split('\n').length > LINES + 1);
    expect(long.map(({ path }) => path)).toEqual([]);
  });

  it('no committed file names a registry from which packages were installed', () => {
    const lock = readFileSync('package-lock.json', 'utf8');
    expect(lock).not.toMatch(/"resolved"/);
  });
});
