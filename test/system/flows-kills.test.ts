/** The short form of the kills of npm run test:flows: no run is lost, and no message is sent twice. SEED repeats a run. */
import { it } from 'vitest';
import { expectWhole } from '../flows/expect.ts';
import { runKills } from '../flows/kills.ts';

it(
  'runs and messages are what the log says, while the processes are killed in rotation and one is frozen',
  { timeout: 300_000 },
  async () => {
    const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
    const say = (): void => undefined;
    const sizes = { runs: 300, kills: 5, everyMs: 3_500, workspaces: 2 };
    expectWhole(await runKills({ seed, ...sizes, ownEngines: false, say }));
  },
);
