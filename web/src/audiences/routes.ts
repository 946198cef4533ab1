import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';

export const audienceRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audiences',
    component: lazyRouteComponent(() => import('./AudiencesPage.tsx'), 'AudiencesPage'),
  }),
] as const;
