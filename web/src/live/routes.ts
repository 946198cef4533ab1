import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';

export const liveRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/live',
    component: lazyRouteComponent(() => import('./LivePage.tsx'), 'LivePage'),
  }),
] as const;
