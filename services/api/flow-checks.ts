import { z } from '@hono/zod-openapi';
import type { Flow } from '../../lib/flows/definition.ts';
import type { FlowIssue } from '../../lib/flows/parse.ts';
import { publishingIssues } from '../../lib/flows/publishing.ts';
import { invalid, pointer, type ProblemItem } from '../../lib/http/index.ts';
import { templateProblems } from '../../lib/templates/index.ts';
import { isTimeZone, UnknownZoneError } from '../../lib/time/index.ts';
import type { ApiDeps } from './deps.ts';

/** What publishing checks. */

export const warningSchema = z.strictObject({
  path: z.string().describe('a JSON Pointer into the flow'),
  message: z.string(),
});

/** Every channel can send: the provider `test` is the default. */
const CHANNELS = new Set(['sms', 'email', 'webhook'] as const);

export const itemOf = ({ path, message }: FlowIssue): ProblemItem => ({ path: pointer(path), message });

/** With an invalid zone, stored before zones were checked, the days and quiet hours of the flow cannot be determined. */
function zoneErrors(zone: string): ProblemItem[] {
  if (isTimeZone(zone)) return [];
  const { message } = new UnknownZoneError(zone);
  return [{ path: '', message: `needs the time zone of the workspace, and ${message}; set another one with PATCH` }];
}

/** What prevents publishing in a workspace with this zone, and what carriers or laws object to. */
export function publishingProblems(
  { logRetentionDays }: Pick<ApiDeps, 'logRetentionDays'>,
  flow: Flow,
  zone: string,
): { errors: ProblemItem[]; warnings: ProblemItem[] } {
  const { errors, warnings } = publishingIssues(flow, {
    retentionDays: logRetentionDays,
    channels: CHANNELS,
    templateProblems: (template) => templateProblems(template),
  });
  return { errors: [...zoneErrors(zone), ...errors.map(itemOf)], warnings: warnings.map(itemOf) };
}

/** The warnings of a flow that can be published. Throws 422 with every problem of another one. */
export function checkForPublishing(deps: Pick<ApiDeps, 'logRetentionDays'>, flow: Flow, zone: string): ProblemItem[] {
  const { errors, warnings } = publishingProblems(deps, flow, zone);
  if (errors.length > 0) throw invalid(errors, 'the flow');
  return warnings;
}
