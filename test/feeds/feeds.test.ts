/** The long form, 15 minutes: npm run test:feeds. SEED repeats a run. The short form is test/system/feeds.test.ts. */
import { expect, it } from 'vitest';
import { runAudiences } from './run.ts';

const numberOf = (name: string, fallback: number): number => Number(process.env[name] ?? fallback);

it('feeds of live audiences equal full evaluations at every rest point', async () => {
  const seed = numberOf('SEED', Date.now() % 1_000_000);
  const rounds = numberOf('ROUNDS', 5);
  const say = (message: string): void => void process.stderr.write(`feeds, seed ${seed}: ${message}\n`);
  const findings = await runAudiences({
    seed,
    rounds,
    people: numberOf('PEOPLE', 100_000),
    audiences: numberOf('AUDIENCES', 50),
    rate: numberOf('RATE', 200),
    backMs: 0,
    roundMs: (numberOf('MINUTES', 15) * 60_000) / rounds,
    redefinitionsPerRound: numberOf('REDEFINITIONS', 2),
    killsPerRound: numberOf('KILLS', 2),
    killed: ['audiences', 'audiences', 'sink', 'processor', 'clickhouse', 'kafka', 'everything'],
    idleMs: 1_000 * numberOf('IDLE_SECONDS', 60),
    ownEngines: true,
    say,
  });
  say(JSON.stringify(findings));
  for (const { wrong } of findings.rests) expect(wrong).toEqual({});
  expect(findings.isSameInTopic).toBe(true);
  expect(findings.kills).toBe(numberOf('KILLS', 2) * rounds);
  expect(findings.idleCpu).toBeLessThan(0.01);
  expect(findings.enterMs.p99).toBeLessThan(2_000);
  expect(findings.leaveMs.p99).toBeLessThan(5_000);
});
