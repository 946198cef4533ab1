/** `npm run bench -- console`: what a browser loads and how quickly the console answers. See docs/benchmarks.md. */
import { parseArgs } from 'node:util';
import { requireChromium, startBrowser, type Browser } from '../scripts/console/browser.ts';
import { startDemo } from '../scripts/console/demo.ts';
import { firstLoad } from '../scripts/console/first-load.ts';
import { complete, enter, type Entrance } from '../scripts/console/walk.ts';
import { changeToCount, typing, type Change, type Typing } from './console/builder.ts';
import { printJson, printTable } from './measure.ts';
import { spread } from './pipeline/figures.ts';

export const HELP = `Measures the console in Chromium: its first load, and the builder of audiences.

  npm run bench -- console [options]

  --loads N      cold loads of the first page (10)
  --rules N      rules in the builder while a person types (100)
  --changes N    changes in the builder whose count is awaited (30)
  --url URL --key KEY --workspace ID
                 uses a running demo; otherwise it starts one in a temporary folder, and stops it
  --help

Sizes are those of the built files, compressed with gzip. Nothing here is asserted: figures depend on the machine.
`;

const FOLDER = 'dist/web';
const FIRST_PAGE = 'src/live/LivePage.tsx';

interface Paint {
  /** Milliseconds from the start of the navigation. */
  firstPaintMs: number;
  /** Until the page is complete: every number on it is known. */
  completeMs: number;
  /** Compressed bytes of all scripts of the page. */
  scriptBytes: number;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      loads: { type: 'string', default: '10' },
      rules: { type: 'string', default: '100' },
      changes: { type: 'string', default: '30' },
      url: { type: 'string' },
      key: { type: 'string' },
      workspace: { type: 'string', default: 'demo' },
    },
  });
  const [loads, rules, changes] = [values.loads, values.rules, values.changes].map(Number) as [number, number, number];
  const chromium = requireChromium();
  const demo = values.url === undefined ? await startDemo((line) => console.error(line)) : null;
  const browser = await startBrowser(chromium);
  try {
    const entrance: Entrance = {
      url: demo?.url ?? values.url ?? '',
      key: demo?.key ?? values.key ?? '',
      workspace: values.workspace,
    };
    const size = sizes();
    const paints: Paint[] = [];
    for (let load = 0; load < loads; load++) paints.push(await paint(browser, entrance));
    const typed = await typing(browser, entrance, rules);
    const changed = await changeToCount(browser, entrance, changes);
    report(size, paints, typed, changed, rules);
  } finally {
    await browser.close();
    await demo?.stop();
  }
}

interface Sizes {
  /** Compressed scripts, bytes. */
  frame: number;
  firstPage: number;
}

const sizes = (): Sizes => ({
  frame: firstLoad(FOLDER, []).scriptGzipBytes,
  firstPage: firstLoad(FOLDER, [FIRST_PAGE]).scriptGzipBytes,
});

/** A load without any cache, of the session that the tab has. */
async function paint(browser: Browser, entrance: Entrance): Promise<Paint> {
  const page = await enter(browser, entrance);
  const session = await page.context().newCDPSession(page);
  await session.send('Network.clearBrowserCache');
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  await page.reload();
  await complete(page);
  const figures = await page.evaluate(() => ({
    firstPaintMs: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
    completeMs: performance.now(),
    scriptBytes: (performance.getEntriesByType('resource') as PerformanceResourceTiming[])
      .filter(({ name }) => name.endsWith('.js'))
      .reduce((sum, { encodedBodySize }) => sum + encodedBodySize, 0),
  }));
  await page.close();
  return figures;
}

const kb = (bytes: number): string => (bytes / 1024).toFixed(1);
const ms = (value: number): string => value.toFixed(0);

function report(size: Sizes, paints: readonly Paint[], typed: Typing, changed: readonly Change[], rules: number): void {
  const of = (values: number[], show: (value: number) => string): string[] => {
    const { p50, p90, max } = spread(values);
    return [p50, p90, max].map(show);
  };
  console.log('\nfirst load');
  printTable(
    ['', 'KB gzip'],
    [
      ['scripts of the frame', kb(size.frame)],
      ['scripts of the frame and the first page', kb(size.firstPage)],
    ],
  );
  console.log();
  printTable(
    ['', 'median', 'p90', 'max'],
    [
      [
        'scripts of the page, compressed, KB',
        ...of(
          paints.map(({ scriptBytes }) => scriptBytes),
          kb,
        ),
      ],
      [
        'first contentful paint, ms',
        ...of(
          paints.map(({ firstPaintMs }) => firstPaintMs),
          ms,
        ),
      ],
      [
        'every number on the page known, ms',
        ...of(
          paints.map(({ completeMs }) => completeMs),
          ms,
        ),
      ],
      [`keystroke to frame with ${rules} rules, ms`, ...of(typed.keystrokeMs, ms)],
      [
        'change in the builder to its count, ms',
        ...of(
          changed.map(({ countMs }) => countMs),
          ms,
        ),
      ],
      [
        '… of which the API takes, ms',
        ...of(
          changed.map(({ apiMs }) => apiMs),
          ms,
        ),
      ],
    ],
  );
  const { longTasksMs } = typed;
  const longest =
    longTasksMs.length === 0 ? 'none' : `${longTasksMs.length}, the longest ${ms(Math.max(...longTasksMs))} ms`;
  console.log(`\ntasks over 50 ms while typing ${typed.keystrokeMs.length} characters with ${rules} rules: ${longest}`);
  printJson('console', { size, paints, typing: typed, changes: changed, rules });
}
