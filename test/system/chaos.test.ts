/** The short form of npm run test:chaos: one process killed with -9 under load, then everything at once. */
import { it } from 'vitest';
import { chaos } from '../chaos/chaos.ts';
import { expectExact } from '../chaos/expect.ts';

it(
  'counts exactly what had its 202, through kill -9 of one process and of everything',
  { timeout: 300_000 },
  async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    expectExact(await chaos({ seed, rounds: 1, say: () => undefined }));
  },
);
