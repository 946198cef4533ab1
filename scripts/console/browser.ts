/** A real browser for tests, pictures and benchmarks of the console. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
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

/** For programs that cannot work without one. Throws an Error that says what to install. */
export function requireChromium(): string {
  const path = findChromium();
  if (path === undefined)
    throw new Error('No Chromium or Chrome found: install one, or set CHROMIUM_PATH to its path.');
  return path;
}

export interface PageOptions {
  /** CSS pixels. */
  width?: number;
  height?: number;
  scheme?: 'light' | 'dark';
  /** The preference of the reader that the page sees. */
  motion?: 'no-preference' | 'reduce';
}

export interface Browser {
  open(url: string, options?: PageOptions): Promise<Page>;
  /** What pages reported since the last call: errors of scripts, and violations of the content security policy. */
  complaints(): string[];
  close(): Promise<void>;
}

/** A Chromium with a fresh profile. It requests nothing from the network beyond the pages that are opened. */
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
    async open(url, { width = 1440, height = 860, scheme = 'light', motion = 'no-preference' } = {}) {
      const page = await context.newPage();
      page.on('pageerror', (error) => complaints.push(error.message));
      page.on('console', (message) => {
        // An answer other than 2xx is reported here too; the page itself has to deal with it.
        if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
          complaints.push(message.text());
      });
      await page.setViewportSize({ width, height });
      await page.emulateMedia({ colorScheme: scheme, reducedMotion: motion });
      await page.goto(url);
      return page;
    },
    complaints() {
      const reported = complaints;
      complaints = [];
      return reported;
    },
    async close() {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
}
