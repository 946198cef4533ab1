import { describe, expect, it } from 'vitest';
import { parseFlow } from './parse.ts';
import { CaseRun, readCases } from './testing/cases.ts';
import { comparable } from './testing/compare.ts';
import { PureLog } from './testing/pure-log.ts';

const cases = readCases('test/flows-cases.json');

describe('flows-cases.json, by the fold alone', () => {
  it('is complete', () => expect(cases.length).toBe(91));

  it.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    for (const flow of Object.values(one.flows ?? { f: one.flow })) expect(parseFlow(flow).issues).toBeUndefined();
    const [expected, found] = comparable(one.steps, new CaseRun(one, new PureLog()).run());
    expect(found).toEqual(expected);
  });
});
