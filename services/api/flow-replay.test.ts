import { expect, it } from 'vitest';
import { CaseRun } from '../../lib/flows/testing/cases.ts';
import { history } from '../../lib/flows/testing/histories.ts';
import { HORIZON_MS, PureLog, type TestLog } from '../../lib/flows/testing/pure-log.ts';
import { FlowReplay } from './flow-replay.ts';

const SEED = Number(process.env['JT_SEED'] ?? 1);
const RUNS = Number(process.env['JT_RUNS'] ?? 300);

function replayLog(): TestLog {
  let caused: ReturnType<TestLog['append']> = { events: [], requests: [] };
  const replay = new FlowReplay(HORIZON_MS, ({ events, requests }) => {
    caused.events.push(...events);
    caused.requests.push(...requests);
  });
  return {
    append(input) {
      caused = { events: [], requests: [] };
      replay.append(input);
      return caused;
    },
  };
}

it(`entries as objects give the steps and requests of entries as bytes (${RUNS} histories, JT_SEED=${SEED})`, () => {
  for (let seed = SEED; seed < SEED + RUNS; seed++) {
    const [expected, found] = [new CaseRun(history(seed), new PureLog()), new CaseRun(history(seed), replayLog())];
    expect({ seed, steps: found.run() }).toEqual({ seed, steps: expected.run() });
    expect({ seed, requests: found.requests, events: found.events }).toEqual({
      ...{ seed, requests: expected.requests, events: expected.events },
    });
  }
}, 600_000);
