/** What the folders of lib may touch: the pure ones nothing but values, the others no clock but the one passed in. */
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';

/** Folders of lib without I/O, clock or chance: the same arguments give the same result. See lib/README.md. */
const PURE = ['audiences', 'bytes', 'carts', 'flows', 'jane', 'people', 'simulate', 'templates', 'time'];

/** Packages that a pure folder may use: they compute. */
const PURE_PACKAGES = new Set([
  'libphonenumber-js/min',
  'liquidjs',
  'node:buffer',
  'node:crypto',
  'temporal-polyfill',
  'zod',
]);

const IN_PLACE_OF_IMPORT = 'a pure folder imports pure folders and schemas only: pass the value in as an argument';
const IN_PLACE_OF_CLOCK =
  'pass the time in as an argument (Unix milliseconds), or move the code out of the pure folder';
const IN_PLACE_OF_TIMER = 'return the time at which something is due, and let the caller wait with clock.sleep';
const IN_PLACE_OF_CHANCE = 'pass in a seeded generator (lib/simulate/random.ts), or the drawn value';
const IN_PLACE_OF_ENVIRONMENT = 'pass the setting in as an argument; lib/config reads variables';
const IN_PLACE_OF_OWN_CLOCK = 'take a Clock (lib/clock): wallMs, elapsedMs and sleep; main.ts passes systemClock';

type Kind = 'clock' | 'timer' | 'chance' | 'environment' | 'network';

const PURE_BANS: Record<Kind, string> = {
  clock: IN_PLACE_OF_CLOCK,
  timer: IN_PLACE_OF_TIMER,
  chance: IN_PLACE_OF_CHANCE,
  environment: IN_PLACE_OF_ENVIRONMENT,
  network: IN_PLACE_OF_IMPORT,
};
/** setImmediate waits for no time, so it is allowed outside the pure folders. */
const CLOCK_BANS: Partial<Record<Kind, string>> = { clock: IN_PLACE_OF_OWN_CLOCK, timer: IN_PLACE_OF_OWN_CLOCK };

const MEMBERS: Record<string, Kind> = {
  'Date.now': 'clock',
  'performance.now': 'clock',
  'process.hrtime': 'clock',
  'Temporal.Now': 'clock',
  'AbortSignal.timeout': 'timer',
  'process.env': 'environment',
  'Math.random': 'chance',
  'crypto.randomUUID': 'chance',
  'crypto.getRandomValues': 'chance',
};
const GLOBALS: Record<string, Kind> = { setTimeout: 'timer', setInterval: 'timer', fetch: 'network' };
const NAMED_IMPORTS: Record<string, Kind> = { randomBytes: 'chance', randomInt: 'chance', randomUUID: 'chance' };

interface Use {
  kind: Kind;
  what: string;
  line: number;
}

/** Everything in a source text that reads time, waits, draws, or reaches out of the process. */
function usesIn(text: string): { uses: Use[]; imports: string[] } {
  const source = ts.createSourceFile('source.ts', text, ts.ScriptTarget.Latest, true);
  const uses: Use[] = [];
  const imports: string[] = [];
  const found = (node: ts.Node, kind: Kind, what: string): void => {
    uses.push({ kind, what, line: source.getLineAndCharacterOfPosition(node.getStart()).line + 1 });
  };
  const visit = (node: ts.Node): void => {
    const module = ts.isImportDeclaration(node) || ts.isExportDeclaration(node) ? node.moduleSpecifier : undefined;
    if (module !== undefined && ts.isStringLiteral(module)) imports.push(module.text);
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      const [to] = node.arguments;
      imports.push(to !== undefined && ts.isStringLiteral(to) ? to.text : 'a module whose name is computed');
    }
    if (ts.isImportSpecifier(node)) {
      const kind = NAMED_IMPORTS[(node.propertyName ?? node.name).text];
      if (kind !== undefined) found(node, kind, node.getText());
    }
    if (ts.isPropertyAccessExpression(node)) {
      const kind = MEMBERS[node.getText().replace(/^globalThis\./, '')];
      if (kind !== undefined) found(node, kind, node.getText());
    }
    if (ts.isNewExpression(node) && node.expression.getText() === 'Date' && !node.arguments?.length)
      found(node, 'clock', 'new Date()');
    if (ts.isCallExpression(node) && ts.isIdentifier(node.expression)) {
      const kind = GLOBALS[node.expression.text];
      if (kind !== undefined) found(node, kind, node.expression.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  for (const to of imports) if (/^(node:)?timers(\/|$)/.test(to)) uses.push({ kind: 'timer', what: to, line: 1 });
  return { uses, imports };
}

const TEST_CODE = /\.test\.ts$|\/testing(\.ts$|\/)|\/test-driver\.ts$|\/oracle\.ts$|\/scripted-kafka\.ts$/;

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    return path.endsWith('.ts') && !path.endsWith('.d.ts') ? [path] : [];
  });
}

const isPure = (path: string): boolean =>
  path === 'lib/transitions.ts' || PURE.some((folder) => path.startsWith(`lib/${folder}/`));

/** Why a pure file may not import this; undefined when it may. */
function refusedImport(from: string, to: string): string | undefined {
  if (!to.startsWith('.')) return PURE_PACKAGES.has(to) ? undefined : IN_PLACE_OF_IMPORT;
  const path = normalize(join(dirname(from), to));
  if (TEST_CODE.test(path)) return 'a test double has no place in the product';
  return isPure(path) || path.startsWith('schemas/') ? undefined : IN_PLACE_OF_IMPORT;
}

/** What is wrong with a file of a pure folder, each with what to do instead. */
function impurities(path: string, text: string): string[] {
  const { uses, imports } = usesIn(text);
  const refused = imports.flatMap((to) => {
    const instead = refusedImport(path, to);
    return instead === undefined ? [] : [`${path} imports ${to}: ${instead}`];
  });
  return [...refused, ...uses.map(({ kind, what, line }) => `${path}:${line} uses ${what}: ${PURE_BANS[kind]}`)];
}

/** Where a file outside lib/clock reads time or waits by itself. */
function ownClocks(path: string, text: string): string[] {
  return usesIn(text).uses.flatMap(({ kind, what, line }) =>
    CLOCK_BANS[kind] === undefined ? [] : [`${path}:${line} uses ${what}: ${CLOCK_BANS[kind]}`],
  );
}

const product = [...sources('lib'), ...sources('services')].filter((path) => !TEST_CODE.test(path));

describe('pure folders', () => {
  it('compute, and do nothing else', () => {
    const pure = product.filter(isPure);
    expect(pure.length).toBeGreaterThan(50);
    expect(pure.flatMap((path) => impurities(path, readFileSync(path, 'utf8')))).toEqual([]);
  });

  it('are the ones that lib/README.md calls pure', () => {
    const readme = readFileSync('lib/README.md', 'utf8');
    const called = [...readme.matchAll(/^\| `([a-z-]+)` \| pure \|/gm)].map(([, folder]) => folder);
    const there = new Set(product.map((path) => path.split('/')[1]));
    expect(PURE.filter((folder) => there.has(folder) && !called.includes(folder))).toEqual([]);
    expect(called.filter((folder) => !PURE.includes(folder ?? ''))).toEqual([]);
  });

  it.each([
    ["import fs from 'node:fs';", 'node:fs'],
    ["export { x } from '../kafka/index.ts';", '../kafka/index.ts'],
    ["import type { Clock } from '../clock/index.ts';", '../clock/index.ts'],
    ["const m = await import('../http/index.ts');", '../http/index.ts'],
    ["import { World } from './testing.ts';", './testing.ts'],
    ["import { randomUUID } from 'node:crypto';", 'randomUUID'],
    ['const t = Date.now();', 'Date.now'],
    ['const now = Date.now;', 'Date.now'],
    ['const t = new Date();', 'new Date()'],
    ['const t = performance.now();', 'performance.now'],
    ['const t = Temporal.Now.instant();', 'Temporal.Now'],
    ['const id = globalThis.crypto.randomUUID();', 'crypto.randomUUID'],
    ['setTimeout(() => 1, 5);', 'setTimeout'],
    ["import { setTimeout as sleep } from 'node:timers/promises';", 'node:timers/promises'],
    ["const p = process.env['PORT'];", 'process.env'],
    ['const r = Math.random();', 'Math.random'],
    ["await fetch('http://x');", 'fetch'],
  ])('may not hold %s', (text, what) => {
    const found = impurities('lib/carts/some.ts', text);
    expect(found.join('\n')).toContain(what);
    expect(found[0]).toMatch(/: (pass|return|a pure folder|a test double)/);
  });

  it.each([
    "// Date.now() is banned\nconst text = 'Math.random()';",
    'const d = new Date(nowMs);',
    "import { createHash } from 'node:crypto';",
    "import type { CartEvent } from '../../schemas/types.ts';",
    "import { step } from '../time/index.ts';",
  ])('may hold %s', (text) => expect(impurities('lib/carts/some.ts', text)).toEqual([]));
});

describe('one clock', () => {
  it('is passed in wherever lib and services read time or wait', () => {
    const offenders = product
      .filter((path) => !path.startsWith('lib/clock/') && !isPure(path))
      .flatMap((path) => ownClocks(path, readFileSync(path, 'utf8')));
    expect(offenders).toEqual([]);
  });

  it('is not bypassed unnoticed', () => {
    expect(ownClocks('lib/x.ts', 'const a = Date.now(), b = performance.now(); setInterval(f, 5);')).toHaveLength(3);
    expect(ownClocks('lib/x.ts', "import { setTimeout } from 'node:timers/promises';")).toHaveLength(1);
    expect(ownClocks('lib/x.ts', 'await fetch(url, { signal: AbortSignal.timeout(5) });')).toHaveLength(1);
    expect(ownClocks('lib/x.ts', 'const at = clock.wallMs(); setImmediate(f);')).toEqual([]);
  });
});

describe('test doubles', () => {
  it('are imported by tests alone', () => {
    const doubles = product.flatMap((path) =>
      usesIn(readFileSync(path, 'utf8'))
        .imports.filter((to) => to.startsWith('.') && TEST_CODE.test(normalize(join(dirname(path), to))))
        .map((to) => `${path} → ${to}`),
    );
    expect(doubles).toEqual([]);
  });
});
