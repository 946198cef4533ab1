/** A real browser for the tests of the console, and pictures from it. */
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

const USUAL_PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/usr/bin/google-chrome-stable',
  '/snap/bin/chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
];

/** CHROMIUM_PATH, else where Chromium or Chrome usually is. */
export function findChromium(): string | undefined {
  return [process.env['CHROMIUM_PATH'], ...USUAL_PLACES].find((path) => path !== undefined && existsSync(path));
}

export interface Browser {
  open(url: string, how?: { width?: number; height?: number; scheme?: 'light' | 'dark' }): Promise<Page>;
  /** What pages complained about since the last time: errors of scripts, refusals of the policy. */
  complaints(): string[];
  close(): Promise<void>;
}

/** A Chromium with a fresh profile. It never asks anything of the network beyond the pages opened. */
export async function startBrowser(executablePath: string): Promise<Browser> {
  const profile = mkdtempSync(join(tmpdir(), 'jane-traits-browser-'));
  const quiet = '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking';
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: [...quiet.split(' '), '--disable-component-update', '--disable-sync'],
  });
  let complaints: string[] = [];
  return {
    async open(url, { width = 1440, height = 860, scheme = 'light' } = {}) {
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // An answer other than 2xx is reported here too; the page itself has to deal with it.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          complaints.push(message.text());
      });
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme });
      await page.goto(url);
      return page;
    },
    complaints() {
      const said = complaints;
      complaints = [];
      return said;
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}

/** Keeps a picture when CONSOLE_PICTURES names a folder. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  const folder = process.env['CONSOLE_PICTURES'];
  if (!folder) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
