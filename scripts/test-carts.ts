/** `npm run test:carts`: the tests of carts with as many histories as their proof demands, from a seed that is told. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Of each kind: histories against the oracle, sequences of arrival. */
const RUNS = '100000';

const seed = process.env['JT_SEED'] ?? String(Date.now() % 2 ** 31);
const runs = process.env['JT_RUNS'] ?? RUNS;
process.stderr.write(`carts: JT_RUNS=${runs} JT_SEED=${seed}\n`);
const child = spawn(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', '--project', 'unit', 'lib/carts', ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, JT_RUNS: runs, JT_SEED: seed } },
);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => child.kill(signal));
const [code] = (await once(child, 'close')) as [number | null];
process.stderr.write(`carts: ${code === 0 ? 'passed' : 'FAILED'} with JT_RUNS=${runs} JT_SEED=${seed}\n`);
process.exitCode = code ?? 1;
