/** The fold against a naive second implementation, on generated histories. JT_RUNS sets their number, JT_SEED the first. */
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { parseFlow } from './parse.ts';
import { CaseRun, type CaseStep } from './testing/cases.ts';
import { history } from './testing/histories.ts';
import { Oracle } from './testing/oracle.ts';
import { PureLog } from './testing/pure-log.ts';
import type { Flow } from './definition.ts';

const SEED = Number(process.env['JT_SEED'] ?? 1);
const RUNS = Number(process.env['JT_RUNS'] ?? 1_000);

function outcomeOf(run: string, node: string): 'sent' | 'failed' | 'unknown' {
  const byte = createHash('sha256').update(`${run} ${node}`).digest()[0]!;
  return byte < 170 ? 'sent' : byte < 210 ? 'failed' : 'unknown';
}

/** The steps of each run in order; refusals and goals, which are compared as sets, apart. */
function byRun(steps: readonly CaseStep[]): Record<string, string[]> {
  const lists: Record<string, string[]> = {};
  for (const { at, what, flow, cart, node, reason, run } of steps) {
    const isApart = what === 'refused' || what === 'goal';
    const key = isApart ? what : `run ${run}`;
    const text = [Math.round(at * 60_000) / 60_000, what, flow, cart, node, reason, isApart ? run : ''].join(' ');
    (lists[key] ??= []).push(text);
  }
  lists['refused']?.sort();
  lists['goal']?.sort();
  return lists;
}

describe(`generated histories (JT_SEED=${SEED})`, () => {
  it(`${RUNS} of them give the same steps by the fold and by the oracle`, () => {
    let steps = 0;
    for (let seed = SEED; seed < SEED + RUNS; seed++) {
      const { flowCase, cap } = history(seed);
      const flows = Object.entries(flowCase.flows!) as [string, Flow][];
      for (const [, flow] of flows) expect(parseFlow(flow).issues).toBeUndefined();
      const oracle = new Oracle({ cap, outcomeOf });
      for (const [id, flow] of flows) oracle.publish(id, flow);
      for (const [person, { emails }] of Object.entries(flowCase.people))
        oracle.profile(person, emails[0]?.[1] !== 'opted_out');
      for (const input of flowCase.inputs) oracle.take(input);
      const found = new CaseRun({ ...flowCase, outcomeOf }, new PureLog()).run();
      const [expected, actual] = [byRun(oracle.steps), byRun(found)];
      for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)]))
        expect({ seed, key, steps: actual[key] }).toEqual({ seed, key, steps: expected[key] });
      steps += found.length;
    }
    expect(steps).toBeGreaterThan(RUNS * 5);
  }, 600_000);
});
