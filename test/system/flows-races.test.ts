/** The short form of the races of npm run test:flows: checkouts just before a message is due. SEED repeats a run. */
import { it } from 'vitest';
import { expectFair } from '../flows/expect.ts';
import { runRaces } from '../flows/races.ts';

it('nobody gets a message whose checkout was accepted before it was due; everybody else gets one', async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const say = (): void => undefined;
  expectFair(await runRaces({ seed, waves: 2, racing: 20, quiet: 5, ownEngines: false, say }));
});
