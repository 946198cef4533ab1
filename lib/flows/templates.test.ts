import { describe, expect, it } from 'vitest';
import { templateProblems } from '../templates/index.ts';
import { parseFlow } from './parse.ts';
import { publishingIssues } from './publishing.ts';
import { FLOW_TEMPLATES } from './templates.ts';

const CHANNELS = new Set(['sms', 'email', 'webhook'] as const);

describe('the templates of flows', () => {
  it.each(FLOW_TEMPLATES)('$id can be published as it is, without warnings', ({ flow }) => {
    expect(parseFlow(JSON.parse(JSON.stringify(flow)))).toEqual({ flow });
    expect(
      publishingIssues(flow, {
        retentionDays: 90,
        channels: CHANNELS,
        templateProblems: (template) => templateProblems(template),
      }),
    ).toEqual({ errors: [], warnings: [] });
  });

  it('have an id and a name each', () => {
    for (const names of [FLOW_TEMPLATES.map(({ id }) => id), FLOW_TEMPLATES.map(({ name }) => name)]) {
      expect(new Set(names).size).toBe(FLOW_TEMPLATES.length);
    }
  });
});
