/** One of three brokers after the other killed with -9 under load: part of npm run test:chaos. SEED repeats one. */
import { it } from 'vitest';
import { chaos } from './chaos.ts';
import { threeBrokers } from './cluster.ts';
import { expectExact } from './expect.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 10);

it(`counts exactly what had its 202, through kill -9 of one of three brokers ${ROUNDS} times`, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const say = (message: string): void => void process.stderr.write(`cluster, seed ${seed}: ${message}\n`);
  expectExact(await chaos({ seed, rounds: ROUNDS, say, open: threeBrokers }));
});
