import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type axe from 'axe-core';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { startBrowser, type Browser, type PageOptions } from '../../scripts/console/browser.ts';
import { fill } from '../../scripts/console/fill.ts';
import { leave, PICTURES, show } from '../../scripts/console/scenes.ts';
import { enter, visit, type Entrance, type Places } from '../../scripts/console/walk.ts';
import { chromiumForTests, startConsoleWorld, type ConsoleWorld } from './console-world.ts';

/**
 * Walks every page and scene of the console in a real browser: no violation of WCAG 2.2 AA in either colour scheme, no
 * complaint about the content security policy, no page that scrolls sideways.
 */
const executable = chromiumForTests();
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];

const LOOKS: readonly [string, PageOptions][] = [
  ['light', { scheme: 'light' }],
  ['dark', { scheme: 'dark' }],
  ['phone', { scheme: 'light', width: 390, height: 844 }],
];

/** The violations on the page, as a reader of a failed test needs them. */
async function violations(page: Page): Promise<string[]> {
  // Evaluated through the debugger, to which the page's policy does not apply.
  await page.evaluate(AXE);
  const found = await page.evaluate(async (tags) => {
    const { axe: checker } = window as unknown as { axe: typeof axe };
    const { violations: all } = await checker.run(document, {
      runOnly: tags,
      // Off by default: the rule of WCAG 2.2 about the size of targets.
      rules: { 'target-size': { enabled: true } },
      resultTypes: ['violations'],
    });
    return all.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}\n${failureSummary ?? ''}`),
    );
  }, WCAG);
  return found;
}

const scrollsSideways = (page: Page): Promise<boolean> =>
  page.evaluate(() => document.documentElement.scrollWidth > window.innerWidth);

describe.skipIf(executable === undefined)('every page of the console', () => {
  let world: ConsoleWorld;
  let browser: Browser;
  let places: Places;
  /** With the largest key: all pages are whole with it. */
  let entrance: Entrance;

  beforeAll(async () => {
    world = await startConsoleWorld();
    const { installation, workspace } = world;
    entrance = { url: installation.apiUrl, key: installation.adminKey, workspace: workspace.id };
    places = await fill(entrance, systemClock);
    browser = await startBrowser(executable!);
  });
  afterAll(async () => {
    await browser.close();
    await world.stop();
  });

  it('finds a violation where there is one', async () => {
    const page = await enter(browser, entrance);
    await page.evaluate(() => {
      document.querySelector('#content')?.append(document.createElement('img'));
    });
    expect((await violations(page)).join('\n')).toContain('image-alt');
    await page.close();
  });

  it.each(LOOKS)(
    'is accessible, fits and breaks no rule of its policy: %s',
    async (_, options) => {
      const page = await enter(browser, entrance, { ...options, motion: 'reduce' });
      const found: string[] = [];
      for (const picture of PICTURES) {
        const { name } = picture;
        await show(page, picture, places);
        found.push(...(await violations(page)).map((violation) => `${name}: ${violation}`));
        if (await scrollsSideways(page)) found.push(`${name}: scrolls sideways`);
        found.push(...browser.complaints().map((complaint) => `${name}: ${complaint}`));
        await leave(page);
      }
      expect(found.join('\n\n')).toBe('');
      await page.close();
    },
    300_000,
  );

  it.each(['light', 'dark'] as const)('is accessible before a key is given: %s', async (scheme) => {
    const page = await browser.open(entrance.url, { scheme });
    await page.getByTestId('key').waitFor();
    expect((await violations(page)).join('\n\n')).toBe('');
    await page.getByTestId('key').fill('jt_read_nobody');
    await page.keyboard.press('Enter');
    await page.getByText('This key is unknown').waitFor();
    expect((await violations(page)).join('\n\n')).toBe('');
    expect(browser.complaints()).toEqual([]);
    await page.close();
  });

  it('with a key that can only read says why it does not show everything, accessibly', async () => {
    const page = await enter(browser, { ...entrance, key: world.workspace.keys.read });
    for (const { name, path } of PICTURES.filter(({ act }) => act === undefined)) {
      await visit(page, path(places));
      expect((await violations(page)).join('\n\n'), name).toBe('');
      expect(browser.complaints(), name).toEqual([]);
    }
    await page.close();
  }, 200_000);
});
