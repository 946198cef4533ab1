import { createRoute, lazyRouteComponent, redirect } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';
import { readBoardSearch, readRangeSearch } from './search.ts';

export const analyticsRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/analytics',
    beforeLoad: () => {
      throw redirect({ to: '/analytics/funnel', replace: true });
    },
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/analytics/funnel',
    validateSearch: readRangeSearch,
    component: lazyRouteComponent(() => import('./FunnelPage.tsx'), 'FunnelPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/analytics/abandonment',
    validateSearch: readRangeSearch,
    component: lazyRouteComponent(() => import('./AbandonmentPage.tsx'), 'AbandonmentPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/analytics/board',
    validateSearch: readBoardSearch,
    component: lazyRouteComponent(() => import('./BoardPage.tsx'), 'BoardPage'),
  }),
] as const;
