import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';

export const analyticsRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/analytics',
    component: lazyRouteComponent(() => import('./AnalyticsPage.tsx'), 'AnalyticsPage'),
  }),
] as const;
