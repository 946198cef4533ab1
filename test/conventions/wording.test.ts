/** No message, comment, text of the console, document or schema contains a word that docs/glossary.md replaces. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { codeIn, tableRows } from './documents.ts';
import { commentsOf, docsOf, literalsOf, proseOf, readableTexts, type Text } from './texts.ts';

const GLOSSARY = 'docs/glossary.md';

const replacements = new Map(
  tableRows(readFileSync(GLOSSARY, 'utf8'), 'Words that are not used').flatMap(([not = '', but = '']) =>
    codeIn(not).map((word) => [word, but] as const),
  ),
);
/** "there is none" is idiomatic. */
const LOSING = new RegExp(`(?<![\\w-])(?!(?<=there )is none)(${[...replacements.keys()].join('|')})(?![\\w-])`, 'gi');

const offences = ({ path, line, text }: Text): string[] =>
  [...text.replace(/\s+/g, ' ').matchAll(LOSING)].map(([word]) => {
    const but = replacements.get(word.toLowerCase()) ?? '';
    return `${path}:${line}: "${word}"; write: ${but}`;
  });

/** A sentence that begins with "Of", or a description that is nothing but "of …". */
const FRAGMENT = /(?:^|[.!?:;] )Of (?!course)|^of .*/g;

const fragments = ({ path, line, text }: Text): string[] =>
  [...text.replace(/\s+/g, ' ').trim().matchAll(FRAGMENT)].map(
    ({ index }) =>
      `${path}:${line}: "${text
        .replace(/\s+/g, ' ')
        .trim()
        .slice(index, index + 40)}"; write a whole sentence`,
  );

describe('the check of words', () => {
  it('has its words from the glossary', () => {
    expect(replacements.size).toBeGreaterThan(30);
    expect(replacements.get('shop')).toBe('store');
  });

  it('finds them in messages, templates and JSX, also over the end of a line', () => {
    const source = [
      "logger.error({ anew: 1 }, 'the task stands still');",
      'throw new Error(`partition ${partition} goes\n on`);',
      'const text = <p>Two shops</p>;',
      "const code = 'told';",
      '// anew',
    ].join('\n');
    expect(literalsOf('lib/x.tsx', source).flatMap(offences)).toEqual([
      'lib/x.tsx:1: "stands still"; write: is stopped; does not advance',
      'lib/x.tsx:2: "goes on"; write: continue',
      'lib/x.tsx:4: "shops"; write: store',
    ]);
  });

  it('finds them in comments, also over the end of a line', () => {
    const source = [
      '/**',
      ' * The task goes',
      ' * on; `anew`.',
      ' */',
      'const rate = 1; // anew',
      '  // There is none. No log',
      '  // stands still.',
    ].join('\n');
    expect(commentsOf('lib/x.ts', source).flatMap(offences)).toEqual([
      'lib/x.ts:1: "goes on"; write: continue',
      'lib/x.ts:6: "stands still"; write: is stopped; does not advance',
    ]);
  });

  it('finds them in the documentation of schemas, outside of names', () => {
    const schema =
      '{ "name": "shop", "type": "string", "doc": "Kept anew: \\"so many\\"." },\n{ "doc": "Of a webhook." }';
    const docs = docsOf('schemas/x.avsc', schema);
    expect(docs.flatMap(offences)).toEqual([
      'schemas/x.avsc:1: "anew"; write: again, from the beginning',
      'schemas/x.avsc:1: "so many"; write: this many, up to, the number of',
    ]);
    expect(docs.flatMap(fragments)).toEqual(['schemas/x.avsc:2: "Of a webhook."; write a whole sentence']);
  });

  it('finds fragments that begin with "Of"', () => {
    const texts = [
      'The size. Of a cart.',
      ' Of course.',
      'of the abandonments',
      'The size of a cart.',
      'a cart\n of one',
    ];
    expect(texts.filter((text) => fragments({ path: 'x', line: 1, text }).length > 0)).toEqual([texts[0], texts[2]]);
  });

  it('finds them in documents, outside of code', () => {
    const page = 'A shop.\n`shop`, shopper\n```\nshop\n```\nStands still.';
    expect(proseOf('x.md', page).flatMap(offences)).toEqual([
      'x.md:1: "shop"; write: store',
      'x.md:6: "Stands still"; write: is stopped; does not advance',
    ]);
  });
});

it('no text uses a word that the glossary replaces', () => {
  const texts = readableTexts().filter(({ path }) => path !== GLOSSARY);
  expect(new Set(texts.map(({ path }) => path.split('/')[0]))).toContain('schemas');
  expect(texts.length).toBeGreaterThan(1_000);
  expect(texts.flatMap(offences)).toEqual([]);
});

it('no sentence is a fragment that begins with "Of"', () => {
  // Lines of documents may begin in the middle of a sentence, and so may pieces of a template in scripts and the console.
  const isPiece = ({ path, text }: Text): boolean =>
    !/^(lib|services|schemas)\/.*\.(ts|avsc)$/.test(path) && /^\s*of /.test(text);
  const texts = readableTexts().filter((text) => !isPiece(text));
  expect(texts.flatMap(fragments)).toEqual([]);
});
