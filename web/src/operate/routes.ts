import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';
import { lettersSearch, statusSearch } from './search.ts';

export const operateRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/subscriptions',
    component: lazyRouteComponent(() => import('./SubscriptionsPage.tsx'), 'SubscriptionsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/dead-letters',
    validateSearch: lettersSearch,
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
    path: '/operate/workspaces/$id',
    component: lazyRouteComponent(() => import('./WorkspacePage.tsx'), 'WorkspacePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operate/status',
    validateSearch: statusSearch,
    component: lazyRouteComponent(() => import('./StatusPage.tsx'), 'StatusPage'),
  }),
] as const;
