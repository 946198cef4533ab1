import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';

export const operateRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/subscriptions',
    component: lazyRouteComponent(() => import('./SubscriptionsPage.tsx'), 'SubscriptionsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/dead-letters',
    component: lazyRouteComponent(() => import('./DeadLettersPage.tsx'), 'DeadLettersPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/keys',
    component: lazyRouteComponent(() => import('./KeysPage.tsx'), 'KeysPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/workspaces',
    component: lazyRouteComponent(() => import('./WorkspacesPage.tsx'), 'WorkspacesPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/status',
    component: lazyRouteComponent(() => import('./StatusPage.tsx'), 'StatusPage'),
  }),
] as const;
