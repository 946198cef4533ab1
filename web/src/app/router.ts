import { createHashHistory, createRoute, createRouter, redirect } from '@tanstack/react-router';
import { analyticsRoutes } from '../analytics/routes.ts';
import { audienceRoutes } from '../audiences/routes.ts';
import { LoadingState } from '../design/states.tsx';
import { flowRoutes } from '../flows/routes.ts';
import { liveRoutes } from '../live/routes.ts';
import { operateRoutes } from '../operate/routes.ts';
import { peopleRoutes } from '../people/routes.ts';
import { rootRoute } from './root.ts';

const indexRoute = createRoute({
  getParentRoute: () => rootRoute,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/live', replace: true });
  },
});

/** Pages are addressed by fragment: the server knows one page only, and a link never sends what it looks at. */
export const router = createRouter({
  routeTree: rootRoute.addChildren([
    indexRoute,
    ...audienceRoutes,
    ...flowRoutes,
    ...peopleRoutes,
    ...analyticsRoutes,
    ...liveRoutes,
    ...operateRoutes,
  ]),
  history: createHashHistory(),
  defaultPreload: 'intent',
  defaultPendingComponent: LoadingState,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router;
  }
}
