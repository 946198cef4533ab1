/** Every path that a Markdown file names in backticks exists. */
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { codeIn, lineAt, pages, projectFiles, withoutFences, type Page } from './documents.ts';

/** What is made by running the project: named in documents, not committed. */
const GENERATED = ['.data', 'DATA_DIR', 'dist', 'node_modules', 'reports'];

/** Reports of a run: they name files as they were at the commit that they ran on. Their full paths are checked. */
const REPORTS = ['docs/mutation.md'];

/** What has a slash and is no path. */
const NO_PATHS = [
  // Time zones, media types, keys of the state of people, the registry's API, words of a pair.
  /^(Africa|America|Asia|Europe|Pacific)\//,
  /^(application|text)\//,
  /^[a-z]\/workspace\b/,
  /^apis\/ccompat\//,
  /^\d+\/\d+$/,
  /^@[a-z-]+\/[a-z-]+$/,
  // A checkout beside the project, as an example.
  /^\.\.\/base$/,
];

const EXTENSIONS = /\.(ts|tsx|mjs|cjs|js|json|md|txt|css|html|avsc|yml|yaml|xml|svg|png|sh)$/;
/** Paths have these characters alone: nothing with blanks, colons, placeholders or variables is one. */
const PATH = /^(\.{0,2}\/?)[\w@.*{},-]+(\/[\w@.*{},-]*)*$/;

const files = projectFiles();
const known = new Set(files);
for (const file of files) for (let folder = dirname(file); folder !== '.'; folder = dirname(folder)) known.add(folder);
const top = new Set([...known].map((path) => path.split('/')[0] ?? ''));

/** `*` within a name, `**` over folders, `{a,b}` for either. */
function matches(glob: string): boolean {
  const pattern = glob
    .replace(/[.+^$()|[\]\\]/g, '\\$&')
    .replace(/\{([^}]*)\}/g, (_, either: string) => `(${either.replaceAll(',', '|')})`)
    .replaceAll('**/', '(.+/)?')
    .replace(/(?<!\))\*/g, '[^/]*');
  const expression = new RegExp(`^${pattern}$`);
  return [...known].some((path) => expression.test(path));
}

function exists(path: string): boolean {
  const plain = normalize(path).replace(/\/$/, '');
  return /[*{]/.test(plain) ? matches(plain) : known.has(plain);
}

const isPath = (text: string): boolean =>
  PATH.test(text) &&
  !text.startsWith('/') &&
  (text.includes('/') || EXTENSIONS.test(text)) &&
  !/^\*?\.\w+$/.test(text) &&
  !GENERATED.includes(text.split('/')[0] ?? '') &&
  !NO_PATHS.some((pattern) => pattern.test(text));

/** Words of a command that begin with a folder of the project: whole paths, or the beginnings of some. */
function missingInCommand(command: string): string[] {
  const words = command.split(/[\s"'=]+/).filter((word) => word.includes('/') && top.has(word.split('/')[0] ?? ''));
  return words.filter((word) => PATH.test(word) && !files.some((file) => file.startsWith(word)));
}

/** Paragraphs, items of lists and rows of tables, with where each begins. */
function blocks(text: string): { text: string; index: number }[] {
  const found: { text: string; index: number }[] = [];
  for (const match of text.matchAll(/(?:^[^\n]*\S[^\n]*\n?)(?:^(?![ \t]*(?:[-*|]|\d+\.)[ |])[^\n]*\S[^\n]*\n?)*/gm))
    found.push({ text: match[0], index: match.index });
  return found;
}

/** Commands are words of several parts: what runs, and with what. */
const isCommand = (text: string): boolean => text.includes(' ');

/**
 * A path is meant from the project's folder or from the page's. One without a folder may also lie beside a path that the
 * same paragraph, item or row has named before.
 */
export function missingPaths({ path: page, text }: Page): string[] {
  const missing: string[] = [];
  const report = (index: number, what: string): void => void missing.push(`${page}:${lineAt(text, index)}: ${what}`);
  for (const block of blocks(withoutFences(text))) {
    const folders = ['.', dirname(page)];
    for (const code of codeIn(block.text)) {
      if (isCommand(code)) for (const word of missingInCommand(code)) report(block.index, word);
      if (!isPath(code) || (REPORTS.includes(page) && !code.includes('/'))) continue;
      const found = folders.map((folder) => join(folder, code)).find(exists);
      if (found === undefined) report(block.index, code);
      else folders.push(EXTENSIONS.test(found) ? dirname(found) : found);
    }
  }
  for (const match of text.matchAll(/^```sh\n([\s\S]*?)^```/gm))
    for (const word of missingInCommand(match[1] ?? '')) report(match.index, word);
  return missing;
}

const page = (text: string): string[] => missingPaths({ path: 'docs/page.md', text });

describe('the check of paths', () => {
  it('finds files, folders and globs from the project and from the page', () => {
    expect(
      page('`lib/topics.ts`, `lib/jane`, `lib/jane/`, `operate.md`, `lib/*/index.ts`, `lib/{jane,carts}`'),
    ).toEqual([]);
    expect(page('`lib/nothing.ts`')).toEqual(['docs/page.md:1: lib/nothing.ts']);
    expect(page('\n`lib/none/*.ts`\n\n`nothing.md`')).toEqual([
      'docs/page.md:2: lib/none/*.ts',
      'docs/page.md:4: nothing.md',
    ]);
  });

  it('looks for a bare name beside the paths that stand before it in the same paragraph', () => {
    expect(page('`lib/jane/webhook.ts` and `cart.ts`')).toEqual([]);
    expect(page('`lib/jane/webhook.ts`\n\n`signature.ts`')).toEqual(['docs/page.md:3: signature.ts']);
    expect(page('| `lib/jane/webhook.ts` |\n| `signature.ts` |')).toEqual(['docs/page.md:2: signature.ts']);
  });

  it('looks into commands', () => {
    expect(page('`npx vitest run lib/people/identifiers` and `npx vitest run lib/nobody`')).toEqual([
      'docs/page.md:1: lib/nobody',
    ]);
    expect(page('```sh\nnode scripts/nothing.mjs\n```\n')).toEqual(['docs/page.md:1: scripts/nothing.mjs']);
  });

  it('leaves alone what is no path', () => {
    const texts = ['/v1/events', 'America/New_York', 'dist/web', 'workspace:cart', 'GET /v1/x', 'http://x/y', 'i/…'];
    expect(page(texts.map((text) => `\`${text}\``).join(' '))).toEqual([]);
  });
});

it('every path in backticks exists', () => {
  expect(pages().flatMap(missingPaths)).toEqual([]);
});
