/** Unit tests of lib, services and the console wait for no time and replace no module. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, it } from 'vitest';

/** What a test must not use, and what to use instead. */
const BANS: [RegExp, string][] = [
  [/\bset(Timeout|Interval)\b/, 'take a ManualClock (lib/clock/testing.ts) and advance it'],
  [/\bsystemClock\.sleep\b/, 'take a ManualClock (lib/clock/testing.ts) and advance it'],
  [/\bvi\.use(Fake|Real)Timers\b/, 'take a ManualClock (lib/clock/testing.ts) and advance it'],
  [/\bvi\.(do)?[mM]ock\b/, 'pass the part in as an argument'],
];

const tests = ['lib', 'services', 'web'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => /\.test\.tsx?$/.test(path) && !path.includes('node_modules'))
    .map((path) => `${folder}/${path}`),
);

/** Tests of the machine's clock itself. */
const OF_THE_CLOCK = /^lib\/clock\//;

const offences = (text: string): string[] =>
  text.split('\n').flatMap((line, i) =>
    BANS.flatMap(([ban, instead]) => {
      const found = ban.exec(line);
      return found === null ? [] : [`line ${i + 1} uses ${found[0]}: ${instead}`];
    }),
  );

it('no unit test waits for time or replaces a module', () => {
  expect(tests.length).toBeGreaterThan(50);
  const found = tests
    .filter((path) => !OF_THE_CLOCK.test(path))
    .flatMap((path) => offences(readFileSync(path, 'utf8')).map((offence) => `${path} ${offence}`));
  expect(found).toEqual([]);
});

it.each(['await new Promise((resolve) => setTimeout(resolve, 2));', 'vi.mock("./x.ts");', 'vi.useFakeTimers();'])(
  'finds %s',
  (text) => expect(offences(text)).toHaveLength(1),
);
