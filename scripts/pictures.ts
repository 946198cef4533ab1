/** `npm run pictures`: takes the pictures of the console in docs/pictures; see scripts/help/pictures.txt. */
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Page } from 'playwright-core';
import { bodyOf, createApiClient } from '../lib/client/index.ts';
import { systemClock } from '../lib/clock/index.ts';
import { requireChromium, startBrowser, type Browser } from './console/browser.ts';
import { startDemo } from './console/demo.ts';
import { fill } from './console/fill.ts';
import { leave, LOOKS, PICTURES, show, type Picture } from './console/scenes.ts';
import { enter, type Entrance, type Places } from './console/walk.ts';

const say = (message: string): void => void process.stderr.write(`${message}\n`);

interface Shown {
  url: string;
  key: string;
  workspace: string;
  /** Null: the pages that need an admin key are left out. */
  adminKey: string | null;
}

/** The names of the pictures that README.md and the documents in docs show, without the ending. */
function documented(): Set<string> {
  const pages = ['README.md', ...readdirSync('docs').map((name) => join('docs', name))];
  const text = pages.filter((page) => page.endsWith('.md')).map((page) => readFileSync(page, 'utf8'));
  return new Set([...text.join('\n').matchAll(/pictures\/([a-z-]+)\.png/g)].map(([, name = '']) => name));
}

/** Takes the wanted ones of all pictures in all looks; returns how many. */
async function takePictures(
  browser: Browser,
  shown: Shown,
  folder: string,
  isWanted: (name: string) => boolean,
): Promise<number> {
  const { url, key, workspace, adminKey } = shown;
  const entrance: Entrance = { url, key, workspace };
  const places = await fill(entrance, systemClock);
  mkdirSync(folder, { recursive: true });
  let taken = 0;
  for (const look of LOOKS) {
    for (const needs of ['write', 'admin'] as const) {
      const wanted = PICTURES.filter(
        (picture) => (picture.needs ?? 'write') === needs && isWanted(`${picture.name}-${look.name}`),
      );
      if (wanted.length === 0 || (needs === 'admin' && adminKey === null)) continue;
      const page = await enter(
        browser,
        needs === 'admin' ? { ...entrance, key: adminKey! } : entrance,
        // What moves would look different in every picture.
        { ...look.options, motion: 'reduce' },
      );
      for (const picture of wanted)
        taken += await take(page, picture, places, join(folder, `${picture.name}-${look.name}.png`));
      await page.close();
    }
  }
  return taken;
}

async function take(page: Page, picture: Picture, places: Places, file: string): Promise<number> {
  await show(page, picture, places);
  await page.evaluate(() => document.fonts.ready.then(() => undefined));
  // The canvas of a chart is drawn in the frame after its data.
  await page.evaluate(() => new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  await page.screenshot({ path: file, animations: 'disabled' });
  await leave(page);
  say(file);
  return 1;
}

async function workspaceOf(url: string, key: string, wanted: string | undefined): Promise<string> {
  const { items } = await bodyOf(createApiClient({ baseUrl: url, key }).GET('/v1/workspaces'));
  const found = wanted === undefined && items.length === 1 ? items[0] : items.find(({ id }) => id === wanted);
  if (!found) throw new Error('--workspace must name one of the workspaces of the key');
  return found.id;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      folder: { type: 'string', default: 'docs/pictures' },
      only: { type: 'string', default: '' },
      all: { type: 'boolean', default: false },
      url: { type: 'string' },
      key: { type: 'string' },
      workspace: { type: 'string' },
      'admin-key': { type: 'string' },
    },
  });
  const chromium = requireChromium();
  if (values.url !== undefined && values.key === undefined) throw new Error('--url needs --key; see --help');
  const demo = values.url === undefined ? await startDemo(say) : null;
  const browser = await startBrowser(chromium);
  try {
    const url = demo?.url ?? values.url!;
    const key = demo?.key ?? values.key!;
    const workspace = await workspaceOf(url, key, values.workspace);
    const adminKey = demo?.adminKey ?? values['admin-key'] ?? null;
    const known = documented();
    const isWanted = (name: string): boolean => name.includes(values.only) && (values.all || known.has(name));
    const taken = await takePictures(browser, { url, key, workspace, adminKey }, values.folder, isWanted);
    const complaints = browser.complaints();
    say(`${taken} pictures`);
    for (const complaint of complaints) say(`a page reported: ${complaint}`);
    if (complaints.length > 0 || taken === 0) process.exitCode = 1;
  } finally {
    await browser.close();
    await demo?.stop();
  }
}

main().catch((error: unknown) => {
  say(`pictures: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
});
