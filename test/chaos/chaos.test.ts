/** Ten rounds of it, 11.5 minutes on two cores: npm run test:chaos. SEED repeats one. The short form is test/system/chaos.test.ts. */
import { expect, it } from 'vitest';
import { chaos } from './chaos.ts';
import { expectExact } from './expect.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 10);

it(`counts exactly what had its 202, killed with -9 as a whole ${ROUNDS} times under load`, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const say = (message: string): void => void process.stderr.write(`chaos, seed ${seed}: ${message}\n`);
  const findings = await chaos({ seed, rounds: ROUNDS, say });
  const { kills, ledger, rows, people, unsureCounted, restAfterMs, verified } = findings;
  const back = kills.flatMap(({ backAfterMs }) => backAfterMs ?? []).sort((a, b) => a - b);
  say(
    JSON.stringify({
      accepted: ledger.accepted,
      sent_again: ledger.repeated,
      longest_until_answer_ms: ledger.longestMs,
      trait_events: {
        must: ledger.rows.length,
        counted: rows,
        unsure: ledger.unsure.length,
        unsure_counted: unsureCounted,
      },
      people,
      back_after_ms: { median: back[Math.floor(back.length / 2)], max: back.at(-1) },
      rest_after_ms: restAfterMs,
      verified,
    }),
  );
  expectExact(findings);
  expect(kills.filter(({ what }) => what === 'everything')).toHaveLength(ROUNDS);
});
