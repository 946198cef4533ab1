/**
 * The fold against a naive second implementation, on generated histories: `JT_RUNS` sets their number, `JT_SEED` the first.
 * `JT_RUNS=20000 npx vitest run --project unit lib/flows/oracle.test.ts` is the full size (some minutes). It prints how
 * often everything occurred.
 */
import { describe, expect, it } from 'vitest';
import { parseFlow } from './parse.ts';
import { CaseRun, type CaseStep, type FlowCase } from './testing/cases.ts';
import { history } from './testing/histories.ts';
import { Oracle } from './testing/oracle.ts';
import { PureLog } from './testing/pure-log.ts';
import { Tally } from './testing/tally.ts';

const SEED = Number(process.env['JT_SEED'] ?? 1);
const RUNS = Number(process.env['JT_RUNS'] ?? 1_000);

type Told = Record<string, string[]>;

/** The steps and requests of each run in order; refusals and goals, which are compared as sets, apart. */
function byRun(steps: readonly CaseStep[], requests: readonly { run: string; text: string }[]): Told {
  const lists: Told = {};
  for (const { at, what, flow, cart, node, reason, run } of steps) {
    const isApart = (what === 'refused' && node === undefined && run === undefined) || what === 'goal';
    const key = isApart ? what : `run ${run}`;
    const text = [Math.round(at * 60_000) / 60_000, what, flow, cart, node, reason, isApart ? run : ''].join(' ');
    (lists[key] ??= []).push(text);
  }
  for (const { run, text } of requests) (lists[`requests ${run}`] ??= []).push(text);
  lists['refused']?.sort();
  lists['goal']?.sort();
  return lists;
}

const sorted = (told: Told): [string, string[]][] => Object.entries(told).sort(([a], [b]) => (a < b ? -1 : 1));

function requestTexts({ people, requests }: CaseRun): { run: string; text: string }[] {
  const nameOf = (id: number): string | undefined => [...people].find(([, known]) => known === id)?.[0];
  return requests.flatMap(({ message, question, revoke, log_time: at }) => {
    const tell = (run: string, ...words: unknown[]) => [{ run, text: [at, ...words].join(' ') }];
    if (revoke !== null) return tell(revoke.run_id, 'revoke', revoke.node, revoke.reason);
    if (question !== null) {
      const { run_id, what, node, person_id, audience } = question;
      return tell(run_id, 'question', what, node, nameOf(person_id), audience);
    }
    if (message === null) return [];
    const { run_id, node, person_id, address, due_at, expires_at, code_pool, code_index } = message;
    return tell(run_id, 'message', node, nameOf(person_id), address, due_at, expires_at, code_pool, code_index);
  });
}

function byOracle(theCase: FlowCase): Told {
  const oracle = new Oracle(theCase);
  for (const input of theCase.inputs) oracle.take(input);
  const epochMs = Date.parse(theCase.epoch);
  const steps = oracle.steps.map((step) => ({ ...step, at: (step.at - epochMs) / 60_000 }));
  return byRun(steps, oracle.requests);
}

describe(`generated histories (JT_SEED=${SEED})`, () => {
  it(`${RUNS} of them give the same steps and requests by the fold and by the oracle`, () => {
    const tally = new Tally();
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const theCase = history(seed);
      for (const flow of Object.values(theCase.flows!)) expect(parseFlow(flow).issues).toBeUndefined();
      const run = new CaseRun(theCase, new PureLog());
      const steps = run.run();
      const [expected, found] = [byOracle(theCase), byRun(steps, requestTexts(run))];
      if (JSON.stringify(sorted(expected)) === JSON.stringify(sorted(found))) {
        tally.add(theCase, run.events, run.requests);
        continue;
      }
      for (const key of new Set([...Object.keys(expected), ...Object.keys(found)]))
        expect({ seed, key, steps: found[key] }).toEqual({ seed, key, steps: expected[key] });
    }
    process.stdout.write(`${tally.toString()}\n`);
    if (RUNS >= 1_000) expect(tally.missing()).toEqual([]);
  }, 3_600_000);
});
