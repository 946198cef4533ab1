/** The long forms: npm run test:flows. SEED repeats a run. The short forms are test/system/flows-{races,kills}.test.ts. */
import { expect, it } from 'vitest';
import { expectFair, expectWhole } from './expect.ts';
import { runKills } from './kills.ts';
import { runRaces } from './races.ts';

const numberOf = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);
const SEED = numberOf('SEED', Date.now() % 1_000_000);
const say = (message: string): void => void process.stderr.write(`flows, seed ${SEED}: ${message}\n`);

const RACES = numberOf('RACES', 1_000);
const RACING = 40;

it(`nobody gets a message whose checkout was accepted before it was due, in ${RACES} races`, async () => {
  const waves = Math.ceil(RACES / RACING);
  const findings = await runRaces({ seed: SEED, waves, racing: RACING, quiet: 10, ownEngines: true, say });
  say(JSON.stringify(findings));
  expectFair(findings);
});

const RUNS = numberOf('RUNS', 20_000);
const KILLS = numberOf('KILLS', 15);

it(`${RUNS} runs and their messages are what the log says, through ${KILLS} kills`, async () => {
  const sizes = { runs: RUNS, kills: KILLS, everyMs: 20_000, workspaces: 4 };
  const findings = await runKills({ seed: SEED, ...sizes, ownEngines: true, say });
  say(JSON.stringify(findings));
  expectWhole(findings);
  expect(findings.kills).toHaveLength(KILLS);
});
