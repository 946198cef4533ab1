/** The short form of test/chaos/cluster.test.ts: two of three brokers killed with -9 under load, one after the other. */
import { it } from 'vitest';
import { chaos } from '../chaos/chaos.ts';
import { threeBrokers } from '../chaos/cluster.ts';
import { expectExact } from '../chaos/expect.ts';

it('counts exactly what had its 202, through kill -9 of two of three brokers', { timeout: 600_000 }, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  // Few senders: other tests run beside it, and three brokers have enough to do with starting.
  expectExact(await chaos({ seed, rounds: 2, senders: 4, say: () => undefined, open: threeBrokers }));
});
