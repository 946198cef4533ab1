import { authenticate } from '../../lib/definitions/index.ts';
import { createApp, type App } from '../../lib/http/index.ts';
import type { ApiDeps } from './deps.ts';
import { API_ERRORS } from './errors.ts';
import { analyticsRoutes } from './routes/analytics.ts';
import { audienceTextRoutes } from './routes/audience-text.ts';
import { audienceChangeRoutes } from './routes/audience-changes.ts';
import { audienceRoutes } from './routes/audiences.ts';
import { backtestRoutes } from './routes/backtest.ts';
import { cartRoutes } from './routes/carts.ts';
import { channelRoutes } from './routes/channels.ts';
import { codePoolRoutes } from './routes/code-pools.ts';
import { consoleRoutes } from './routes/console.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { explainRoutes } from './routes/explain.ts';
import { flowDraftRoutes } from './routes/flow-drafts.ts';
import { flowReportRoutes } from './routes/flow-reports.ts';
import { flowRunRoutes } from './routes/flow-runs.ts';
import { flowTestRoutes } from './routes/flow-test.ts';
import { flowRoutes } from './routes/flows.ts';
import { keyRoutes } from './routes/keys.ts';
import { linkReportRoutes } from './routes/link-report.ts';
import { linkRulesRoutes } from './routes/link-rules.ts';
import { memberRoutes } from './routes/members.ts';
import { peopleRoutes } from './routes/people.ts';
import { savedAudienceRoutes } from './routes/saved-audiences.ts';
import { statusRoutes } from './routes/status.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { traitEventRoutes } from './routes/trait-events.ts';
import { traitRoutes } from './routes/traits.ts';
import { trendRoutes } from './routes/trend.ts';
import { workspaceRoutes } from './routes/workspaces.ts';

const DESCRIPTION = `Counts audiences of people by the events of their carts, exactly, and reports how fresh the counts are.
Send a key in the header Authorization: Bearer <key>. With an admin key, name the workspace in the header X-Workspace.
Errors are RFC 9457 problem details. Lists are {items, next_cursor}. Times are RFC 3339.`;

/** All routes of the API, and the console at /. */
export function createApiApp(deps: ApiDeps): App {
  const app = createApp({
    title: 'Jane Traits: API',
    description: DESCRIPTION,
    logger: deps.logger,
    clock: deps.clock,
    errors: API_ERRORS,
    authenticate: (headers) => authenticate(deps.definitions, deps.adminKey, headers),
  });
  const groups = [
    audienceRoutes,
    explainRoutes,
    audienceTextRoutes,
    savedAudienceRoutes,
    memberRoutes,
    analyticsRoutes,
    trendRoutes,
    audienceChangeRoutes,
    traitRoutes,
    traitEventRoutes,
    cartRoutes,
    peopleRoutes,
    linkRulesRoutes,
    linkReportRoutes,
    subscriptionRoutes,
    deadLetterRoutes,
    workspaceRoutes,
    keyRoutes,
    backtestRoutes,
    flowDraftRoutes,
    flowTestRoutes,
    flowRoutes,
    flowReportRoutes,
    flowRunRoutes,
    channelRoutes,
    codePoolRoutes,
    statusRoutes,
  ];
  for (const add of groups) add(app, deps);
  consoleRoutes(app, deps.consoleDir);
  return app;
}
