import { z } from '@hono/zod-openapi';
import type { Flow } from '../../lib/flows/definition.ts';
import type { FlowIssue } from '../../lib/flows/parse.ts';
import { publishingIssues } from '../../lib/flows/publishing.ts';
import { invalid, pointer, type ProblemItem } from '../../lib/http/index.ts';
import { templateProblems } from '../../lib/templates/index.ts';
import type { ApiDeps } from './deps.ts';

/** What publishing checks. */

export const warningSchema = z.strictObject({
  path: z.string().describe('a JSON Pointer into the flow'),
  message: z.string(),
});

/** Every channel can send: the provider `test` is the default. */
const CHANNELS = new Set(['sms', 'email', 'webhook'] as const);

export const itemOf = ({ path, message }: FlowIssue): ProblemItem => ({ path: pointer(path), message });

/** What prevents publishing, and what carriers or laws object to. */
export function publishingProblems(
  { logRetentionDays }: Pick<ApiDeps, 'logRetentionDays'>,
  flow: Flow,
): { errors: ProblemItem[]; warnings: ProblemItem[] } {
  const { errors, warnings } = publishingIssues(flow, {
    retentionDays: logRetentionDays,
    channels: CHANNELS,
    templateProblems: (template) => templateProblems(template),
  });
  return { errors: errors.map(itemOf), warnings: warnings.map(itemOf) };
}

/** The warnings of a flow that can be published. Throws 422 with every problem of another one. */
export function checkForPublishing(deps: Pick<ApiDeps, 'logRetentionDays'>, flow: Flow): ProblemItem[] {
  const { errors, warnings } = publishingProblems(deps, flow);
  if (errors.length > 0) throw invalid(errors, 'the flow');
  return warnings;
}
