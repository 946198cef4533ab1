/** Every page of the console, for tests and pictures that walk all of them. */
import type { Page } from 'playwright-core';
import type { Browser, PageOptions } from './browser.ts';

/** What the pages with an id in their address show. */
export interface Places {
  audience: string;
  flow: string;
  /** A run of that flow, and its person. */
  run: string;
  runPerson: string;
  person: string;
  workspace: string;
}

export interface Stop {
  /** The path in the router. A test compares all of them with the router. */
  route: string;
  /** Names pictures and failures. */
  name: string;
  /** The address after the `#`. */
  path(places: Places): string;
  /** Something that a page with data shows when it is complete, as a CSS selector. */
  shows?: string;
  /** It shows the page of another route. */
  leadsTo?: string;
}

const page = (route: string, name: string, more: Partial<Stop> = {}): Stop => ({
  route,
  name,
  path: () => route,
  ...more,
});

export const STOPS: readonly Stop[] = [
  page('/audiences', 'audiences', { shows: '[data-testid=audiences] .spark-line' }),
  page('/audiences/new', 'audience-new', { shows: '[data-testid=sample]' }),
  page('/audiences/$id', 'audience', { path: ({ audience }) => `/audiences/${audience}`, shows: '.chart canvas' }),
  page('/audiences/$id/edit', 'audience-edit', {
    path: ({ audience }) => `/audiences/${audience}/edit`,
    shows: '[data-testid=sample]',
  }),
  page('/flows', 'flows', { shows: '[data-testid=flows] .flow-link' }),
  page('/flows/new', 'flow-new', { shows: '[data-testid=templates]' }),
  page('/flows/$id', 'flow', { path: ({ flow }) => `/flows/${flow}`, shows: '[data-testid=definition]' }),
  page('/flows/$id/runs/$run', 'flow-run', {
    path: ({ flow, run }) => `/flows/${flow}/runs/${run}`,
    shows: '[data-testid=steps]',
  }),
  page('/people', 'people', { shows: '[data-testid=recent-people]' }),
  page('/people/$id', 'person', { path: ({ person }) => `/people/${person}` }),
  page('/people/links', 'people-links'),
  page('/analytics', 'analytics', { leadsTo: '/analytics/funnel' }),
  page('/analytics/funnel', 'analytics-funnel', {
    path: () => '/analytics/funnel?range=7d',
    shows: '[data-testid=funnel]',
  }),
  page('/analytics/abandonment', 'analytics-abandonment', {
    path: () => '/analytics/abandonment?range=7d',
    shows: '[data-testid=abandonment-carts] canvas',
  }),
  page('/analytics/board', 'analytics-board', { shows: '.board-card' }),
  page('/live', 'live'),
  page('/operate/subscriptions', 'subscriptions'),
  page('/operate/dead-letters', 'dead-letters'),
  page('/operate/keys', 'keys'),
  page('/operate/workspaces', 'workspaces'),
  page('/operate/workspaces/$id', 'workspace', { path: ({ workspace }) => `/operate/workspaces/${workspace}` }),
  page('/operate/status', 'status'),
];

export interface Entrance {
  /** Base URL of the API. */
  url: string;
  key: string;
  /** Needed with an admin key. */
  workspace: string;
}

/** Opens the console with a key; resolves when its first page begins to show. */
export async function enter(browser: Browser, entrance: Entrance, options: PageOptions = {}): Promise<Page> {
  const { url, key, workspace } = entrance;
  const opened = await browser.open(`${url}/#key=${key}&workspace=${workspace}`, options);
  await opened.locator(HEADING).first().waitFor({ timeout: COMPLETE_MS });
  return opened;
}

/** Loads an address of the console from the beginning, with the key that the tab has. Resolves when it is complete. */
export async function visit(opened: Page, path: string, shows?: string): Promise<void> {
  await opened.evaluate((hash) => {
    window.location.hash = hash;
  }, path);
  await opened.reload();
  await complete(opened, shows);
}

const HEADING = '#content h1';
/** Long enough for a busy machine. */
const COMPLETE_MS = 30_000;

/** Until the page has its heading, and nothing on it is loading. */
export async function complete(opened: Page, shows?: string): Promise<void> {
  await opened.locator(HEADING).first().waitFor({ timeout: COMPLETE_MS });
  // A narrow page may hide it.
  if (shows !== undefined) await opened.locator(shows).first().waitFor({ state: 'attached', timeout: COMPLETE_MS });
  await opened.waitForFunction(
    () => document.querySelector('#content [aria-busy="true"], #content .unknown') === null,
    undefined,
    { timeout: COMPLETE_MS },
  );
}
