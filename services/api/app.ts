import { authenticate } from '../../lib/definitions/index.ts';
import { createApp, type App } from '../../lib/http/index.ts';
import type { ApiDeps } from './deps.ts';
import { audienceRoutes } from './routes/audiences.ts';
import { cartRoutes } from './routes/carts.ts';
import { consoleRoutes } from './routes/console.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { keyRoutes } from './routes/keys.ts';
import { notBuiltRoutes } from './routes/not-built.ts';
import { peopleRoutes } from './routes/people.ts';
import { statusRoutes } from './routes/status.ts';
import { subscriptionRoutes } from './routes/subscriptions.ts';
import { traitEventRoutes } from './routes/trait-events.ts';
import { traitRoutes } from './routes/traits.ts';
import { workspaceRoutes } from './routes/workspaces.ts';

const DESCRIPTION = `Audiences of people by what happened to their carts: exact counts, and how fresh they are.
Send a key as Authorization: Bearer <key>; an admin key names the workspace in X-Workspace.
Errors are RFC 9457 problem details; lists are {items, next_cursor}; times are RFC 3339.`;

/** The HTTP surface of the API, with the console at /. */
export function createApiApp(deps: ApiDeps): App {
  const app = createApp({
    title: 'Jane Traits: API',
    description: DESCRIPTION,
    logger: deps.logger,
    authenticate: (headers) => authenticate(deps.definitions, deps.adminKey, headers),
  });
  const groups = [
    audienceRoutes,
    traitRoutes,
    traitEventRoutes,
    cartRoutes,
    peopleRoutes,
    subscriptionRoutes,
    deadLetterRoutes,
    workspaceRoutes,
    keyRoutes,
    statusRoutes,
    notBuiltRoutes,
  ];
  for (const add of groups) add(app, deps);
  consoleRoutes(app, deps.consoleDir);
  return app;
}
