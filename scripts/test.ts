/**
 * Runs the tests: `npm test` all of them, `npm test -- lint types unit system` some. The last line of stdout is
 * "N passed, N failed": every test case counts as one, and so does each of formatting, lint and types.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const STEPS = ['lint', 'types', 'unit', 'system'] as const;
/** Too long for every change: run by name alone. */
const LONG = ['carts', 'audiences', 'feeds', 'chaos', 'flows', 'schemathesis'] as const;
const ALL = [...STEPS, ...LONG];
type Step = (typeof ALL)[number];

interface Count {
  passed: number;
  failed: number;
}

const say = (message: string): void => void process.stderr.write(`${message}\n`);

/** The child of this run: signals are forwarded to it. */
let current: ReturnType<typeof spawn> | undefined;

function run(bin: string, args: string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const file = join('node_modules', bin);
    current = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 2, 2] });
    current.once('error', reject);
    current.once('close', (code) => resolve(code ?? 1));
  });
}

async function check(bin: string, args: string[]): Promise<Count> {
  const code = await run(bin, args);
  return code === 0 ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}

async function vitest(project: Step, ...files: string[]): Promise<Count> {
  const folder = mkdtempSync(join(tmpdir(), 'jane-traits-report-'));
  const report = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const code = await run('vitest/vitest.mjs', ['run', '--project', project, ...files, ...reporters]);
  try {
    const result = JSON.parse(readFileSync(report, 'utf8')) as { numPassedTests: number; numFailedTests: number };
    const counted = { passed: result.numPassedTests, failed: result.numFailedTests };
    // A file that cannot even be loaded fails no test, but the run.
    return code !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
  } catch {
    return { passed: 0, failed: 1 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The proof of carts: histories against the oracle, and as many sequences of arrival, from a seed that is printed. */
async function carts(): Promise<Count> {
  const { JT_RUNS = '100000', JT_SEED = String(Date.now() % 2 ** 31) } = process.env;
  Object.assign(process.env, { JT_RUNS, JT_SEED });
  const again = `carts: JT_RUNS=${JT_RUNS} JT_SEED=${JT_SEED}`;
  // At the end as well: what stands before a failed run is far up.
  say(again);
  const count = await vitest('unit', 'lib/carts');
  say(again);
  return count;
}

/**
 * The proof of audiences: the query on ClickHouse, the predicate and the oracle on generated trees and histories, and the
 * explanations of everybody against the members. The seed is printed.
 */
async function audiences(): Promise<Count[]> {
  const {
    JT_RUNS = '20000',
    JT_SEED = String(Date.now() % 2 ** 31),
    JT_PEOPLE = '1000',
    JT_TREES = '50',
  } = process.env;
  Object.assign(process.env, { JT_RUNS, JT_SEED, JT_PEOPLE, JT_TREES });
  const again = `audiences: JT_RUNS=${JT_RUNS} JT_SEED=${JT_SEED} JT_PEOPLE=${JT_PEOPLE} JT_TREES=${JT_TREES}`;
  say(again);
  const counts = [await vitest('unit', 'lib/audiences'), await vitest('system', 'test/system/audiences-')];
  say(again);
  return counts;
}

const RUN: Record<Step, () => Promise<Count[]>> = {
  lint: async () => [
    await check('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.']),
    await check('eslint/bin/eslint.js', ['--max-warnings', '0', '.']),
  ],
  types: async () => [await check('typescript/bin/tsc', ['-p', '.'])],
  unit: async () => [await vitest('unit')],
  system: async () => [await vitest('system')],
  carts: async () => [await carts()],
  audiences,
  feeds: async () => [await vitest('feeds')],
  chaos: async () => [await vitest('chaos')],
  flows: async () => [await vitest('flows')],
  schemathesis: async () => [await vitest('schemathesis')],
};

async function main(args: string[]): Promise<number> {
  const unknown = args.filter((arg) => !ALL.some((step) => step === arg));
  if (unknown.length > 0) {
    say(`unknown step: ${unknown.join(', ')}; see npm test -- --help`);
    return 2;
  }
  let stopped = false;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      stopped = true;
      current?.kill(signal);
    });
  }
  const total: Count = { passed: 0, failed: 0 };
  const steps = args.length === 0 ? STEPS : ALL.filter((step) => args.includes(step));
  for (const [i, step] of steps.entries()) {
    if (stopped) break;
    const startedAt = Date.now();
    say(`\n[${i + 1}/${steps.length}] ${step}`);
    const counts = await RUN[step]();
    for (const { passed, failed } of counts) {
      total.passed += passed;
      total.failed += failed;
    }
    const failed = counts.reduce((sum, c) => sum + c.failed, 0);
    say(
      `[${i + 1}/${steps.length}] ${step}: ${failed === 0 ? 'passed' : 'FAILED'} in ${Math.round((Date.now() - startedAt) / 1000)} s`,
    );
  }
  process.stdout.write(`${total.passed} passed, ${total.failed} failed\n`);
  return stopped || total.failed > 0 || total.passed === 0 ? 1 : 0;
}

process.exit(await main(process.argv.slice(2)));
