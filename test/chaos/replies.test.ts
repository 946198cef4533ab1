/**
 * Replies of Kafka are lost under load: part of npm run test:chaos. SEED repeats one. The short form, of the runtime alone,
 * is in test/system/streams-network.test.ts.
 */
import { expect, it } from 'vitest';
import { LOSABLE_NAMES } from '../harness/reply-dropper.ts';
import { chaos } from './chaos.ts';
import { expectExact } from './expect.ts';
import { losingReplies } from './replies.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 10);

it(`counts exactly what had its 202, while replies of Kafka are lost, in ${ROUNDS} rounds`, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const say = (message: string): void => void process.stderr.write(`replies, seed ${seed}: ${message}\n`);
  const findings = await chaos({ seed, rounds: ROUNDS, say, open: losingReplies });
  const lost = Object.fromEntries(
    LOSABLE_NAMES.map((name) => [
      name,
      findings.kills.reduce((sum, { lostReplies }) => sum + (lostReplies?.[name] ?? 0), 0),
    ]),
  );
  const { ledger, rows, restAfterMs, verified } = findings;
  say(JSON.stringify({ lost, accepted: ledger.accepted, sent_again: ledger.repeated, rows, restAfterMs, verified }));
  expectExact(findings);
  for (const name of LOSABLE_NAMES) expect({ name, lost: lost[name]! > 0 }).toEqual({ name, lost: true });
});
