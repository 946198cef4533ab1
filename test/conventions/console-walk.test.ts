/** What walks every page of the console, for accessibility and pictures, misses none. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { LOOKS, PICTURES } from '../../scripts/console/scenes.ts';
import { STOPS } from '../../scripts/console/walk.ts';

interface RouteLike {
  options: { path?: string };
}

const isRoute = (value: unknown): value is RouteLike =>
  typeof value === 'object' && value !== null && 'options' in value && 'addChildren' in value;

/** The paths of all routes; each area of the console lists its own in `routes.ts`. */
async function routes(): Promise<string[]> {
  const files = readdirSync('web/src')
    .map((area) => join(process.cwd(), 'web/src', area, 'routes.ts'))
    .filter((file) => existsSync(file));
  expect(files.length).toBeGreaterThan(3);
  const modules = (await Promise.all(files.map((file) => import(file)))) as Record<string, unknown>[];
  return modules
    .flatMap((exports) => Object.values(exports).flat())
    .filter(isRoute)
    .map(({ options: { path } }) => path ?? '');
}

describe('the walk through the console', () => {
  it('stops at every route of the router, once', async () => {
    expect(STOPS.map(({ route }) => route).sort()).toEqual((await routes()).sort());
  });

  it('fills in every parameter of a path', () => {
    for (const { route, path } of STOPS) {
      const address = path({
        audience: 'aud_1',
        flow: 'flow_1',
        run: 'ab',
        runPerson: '8',
        person: '7',
        workspace: 'demo',
      });
      expect(address, route).not.toContain('$');
      expect(address.split('?')[0]!.split('/').length, route).toBe(route.split('/').length);
    }
  });

  it('takes every picture that a document shows, and no document lacks one', () => {
    const pages = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))];
    const text = pages.filter((page) => page.endsWith('.md')).map((page) => readFileSync(page, 'utf8'));
    const shown = new Set([...text.join('\n').matchAll(/pictures\/([a-z-]+\.png)/g)].map(([, name = '']) => name));
    const possible = PICTURES.flatMap(({ name }) => LOOKS.map((look) => `${name}-${look.name}.png`));
    expect([...shown].filter((name) => !possible.includes(name))).toEqual([]);
    expect(readdirSync('docs/pictures').filter((name) => name.endsWith('.png') && !shown.has(name))).toEqual([]);
  });

  it('gives every picture a name of its own', () => {
    const names = PICTURES.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });
});
