/** No page of the project points at something that does not exist. */
import { existsSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { pages, withoutFences } from './documents.ts';

const LINK = /\]\(([^)\s]+)\)/g;

const all = pages();
const linksOf = (text: string): string[] =>
  [...text.matchAll(LINK)].map((match) => match[1]!).filter((target) => !/^[a-z]+:/.test(target));

/** The anchors that GitHub makes of a page's headings. */
const anchorsOf = (text: string): string[] =>
  [...withoutFences(text).matchAll(/^#+ (.*)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/\s/g, '-'),
  );

const anchors = new Map(all.map(({ path, text }) => [path, anchorsOf(text)]));

it('all relative links of Markdown files lead somewhere', () => {
  expect(all.length).toBeGreaterThan(5);
  const dead = all.flatMap(({ path, text }) =>
    linksOf(text)
      .map((target) => target.split('#')[0]!)
      .filter((target) => target !== '' && !existsSync(join(dirname(path), target)))
      .map((target) => `${path}: ${target}`),
  );
  expect(dead).toEqual([]);
});

it('all links to a heading find it', () => {
  const links = all.flatMap(({ path, text }) =>
    linksOf(text)
      .filter((link) => link.includes('#'))
      .map((link) => {
        const [target = '', anchor = ''] = link.split('#');
        return { path, link, page: target === '' ? path : normalize(join(dirname(path), target)), anchor };
      }),
  );
  expect(links.length).toBeGreaterThan(5);
  const dead = links.filter(({ page, anchor }) => !anchors.get(page)?.includes(anchor));
  expect(dead.map(({ path, link }) => `${path}: ${link}`)).toEqual([]);
});
