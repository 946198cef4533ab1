/** Figures of the audience builder, measured inside the page. */
import type { Page } from 'playwright-core';
import type { Browser } from '../../scripts/console/browser.ts';
import { complete, enter, visit, type Entrance } from '../../scripts/console/walk.ts';

export interface Typing {
  /** From each key press to the end of the frame that shows it, milliseconds. */
  keystrokeMs: number[];
  /** Tasks of the page that took more than 50 ms meanwhile. */
  longTasksMs: number[];
}

export interface Change {
  /** From the change of a field to the new count on the page, milliseconds. */
  countMs: number;
  /** Of these, the request to the API. */
  apiMs: number;
}

/** What the functions below keep in the page. */
interface Recorded {
  keystrokeMs: number[];
  longTasksMs: number[];
}
type Window_ = typeof window & { recorded: Recorded };

const NUMBER_FIELD = '.number-field input';
const COUNT = 'section[aria-label="Count"]';
/** A quick typist. */
const KEY_EVERY_MS = 80;

/** A tree of this many different conditions, as text. */
const rulesText = (rules: number): string =>
  Array.from({ length: rules }, (_, n) =>
    n % 2 === 0
      ? `cart_abandoned in last ${n + 1} hours`
      : `cart_status_updated in (finished, cancelled) in last ${n + 1} days at store ${60 + n}`,
  ).join(' or ');

/** Types into the fields of a builder with this many rules. */
export async function typing(browser: Browser, entrance: Entrance, rules: number): Promise<Typing> {
  const page = await enter(browser, entrance);
  await visit(page, `/audiences/new?${new URLSearchParams({ text: rulesText(rules) }).toString()}`, NUMBER_FIELD);
  const fields = page.locator(NUMBER_FIELD);
  if ((await fields.count()) < rules) throw new Error(`the builder shows fewer than ${rules} rules`);
  await page.evaluate(record);
  for (const index of [0, Math.floor(rules / 2), rules - 1]) {
    await fields.nth(index).click();
    for (const key of ['End', '1', '2', 'Backspace', '3', 'Backspace', 'Backspace', '4', 'Backspace', '5']) {
      await page.keyboard.press(key);
      await page.waitForTimeout(KEY_EVERY_MS);
    }
  }
  const recorded = await page.evaluate(() => (window as Window_).recorded);
  await page.close();
  return recorded;
}

/** Runs in the page. */
function record(): void {
  const recorded: Recorded = { keystrokeMs: [], longTasksMs: [] };
  (window as Window_).recorded = recorded;
  new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) recorded.longTasksMs.push(duration);
  }).observe({ type: 'longtask' });
  window.addEventListener(
    'keydown',
    ({ timeStamp }) => {
      requestAnimationFrame(() => {
        // A message is handled after the frame has been drawn.
        const channel = new MessageChannel();
        channel.port1.onmessage = () => recorded.keystrokeMs.push(performance.now() - timeStamp);
        channel.port2.postMessage(null);
      });
    },
    { capture: true },
  );
}

/** Changes a number in a condition again and again, each time to a value that was not counted before. */
export async function changeToCount(browser: Browser, entrance: Entrance, changes: number): Promise<Change[]> {
  const page = await enter(browser, entrance);
  await visit(page, `/audiences/new?${new URLSearchParams({ text: rulesText(3) }).toString()}`, NUMBER_FIELD);
  const measured: Change[] = [];
  for (let n = 0; n < changes; n++) {
    await complete(page);
    measured.push(await oneChange(page, String(200 + n)));
  }
  await page.close();
  return measured;
}

async function oneChange(page: Page, value: string): Promise<Change> {
  const counted = page.evaluate((count) => {
    performance.clearResourceTimings();
    return new Promise<Change>((resolve) => {
      let changedMs = NaN;
      window.addEventListener('input', () => (changedMs = performance.now()), { capture: true, once: true });
      const section = document.querySelector(count)!;
      const observer = new MutationObserver(() => {
        if (Number.isNaN(changedMs) || section.getAttribute('aria-busy') === 'true') return;
        observer.disconnect();
        const asked = performance
          .getEntriesByType('resource')
          .filter(({ name }) => name.endsWith('/audiences/preview'));
        resolve({ countMs: performance.now() - changedMs, apiMs: asked.at(-1)?.duration ?? NaN });
      });
      observer.observe(section, { attributes: true, attributeFilter: ['aria-busy'] });
    });
  }, COUNT);
  await page.locator(NUMBER_FIELD).first().fill(value);
  return counted;
}
