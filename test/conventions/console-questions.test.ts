/** Two questions of the console with the same key would read each other's answers, which have other forms. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { projectFiles } from './documents.ts';

/** The words that the keys of questions begin with, with a place for each question. */
function keysIn(path: string, source: string): { key: string; place: string }[] {
  const keys = /(?:useApiQuery(?:<[^(]*>)?\(|queryKey:)\s*\[((?:\s*(?:workspace\.id|'[^']*'),?)+)/g;
  return [...source.matchAll(keys)].flatMap((match) => {
    const isFilter = /invalidateQueries\(\{\s*$/.test(source.slice(0, match.index));
    const words = [...match[1]!.matchAll(/'([^']*)'/g)].map(([, word]) => word);
    if (isFilter || words.length === 0) return [];
    return [{ key: words.join(' '), place: `${path}:${source.slice(0, match.index).split('\n').length}` }];
  });
}

const sources = projectFiles().filter((path) => /^web\/src\/.*\.tsx?$/.test(path) && !path.endsWith('.test.ts'));
const questions = sources.flatMap((path) => keysIn(path, readFileSync(path, 'utf8')));

describe('questions of the console', () => {
  it('have keys of their own', () => {
    const places = new Map<string, string[]>();
    for (const { key, place } of questions) places.set(key, [...(places.get(key) ?? []), place]);
    expect(places.size).toBeGreaterThan(20);
    expect([...places].filter(([, at]) => at.length > 1)).toEqual([]);
  });

  it('are within a workspace', () => {
    const outside = sources.filter((path) => /queryKey: \[(?!workspace)/.test(readFileSync(path, 'utf8')));
    expect(outside).toEqual([]);
  });

  it('are found', () => {
    const source = `useApiQuery(['stores'], ask); useApiQuery(
      ['audiences', 'for-people'], ask); useQueries({ queryKey: [workspace.id, 'people', search] });
      queries.invalidateQueries({ queryKey: [workspace.id, 'count'] }); useApiQuery<T>(['board', query], ask);`;
    expect(keysIn('x', source).map(({ key }) => key)).toEqual(['stores', 'audiences for-people', 'people', 'board']);
  });
});
