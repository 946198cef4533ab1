import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';
import { readFlowSearch, readNewFlowSearch } from './search.ts';

export const flowRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/flows',
    component: lazyRouteComponent(() => import('./FlowsPage.tsx'), 'FlowsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/flows/new',
    validateSearch: readNewFlowSearch,
    component: lazyRouteComponent(() => import('./NewFlowPage.tsx'), 'NewFlowPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/flows/$id',
    validateSearch: readFlowSearch,
    component: lazyRouteComponent(() => import('./FlowPage.tsx'), 'FlowPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/flows/$id/runs/$run',
    component: lazyRouteComponent(() => import('./RunPage.tsx'), 'RunPage'),
  }),
] as const;
