import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { rootRoute } from '../app/root.ts';
import { readPeopleSearch, readPersonSearch } from './identify.ts';

export const peopleRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/people',
    validateSearch: readPeopleSearch,
    component: lazyRouteComponent(() => import('./PeoplePage.tsx'), 'PeoplePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/people/links',
    component: lazyRouteComponent(() => import('./LinksPage.tsx'), 'LinksPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/people/$id',
    validateSearch: readPersonSearch,
    component: lazyRouteComponent(() => import('./PersonPage.tsx'), 'PersonPage'),
  }),
] as const;
