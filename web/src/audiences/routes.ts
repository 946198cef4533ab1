import { createRoute, lazyRouteComponent } from '@tanstack/react-router';
import { oneOf, textIn, wholeNumberIn } from '../app/address.ts';
import { rootRoute } from '../app/root.ts';

/** What a new audience begins with: a text form, or a copy of a saved audience. */
export interface NewSearch {
  text?: string | undefined;
  from?: string | undefined;
}

export const AUDIENCE_TABS = ['overview', 'members', 'check', 'versions'] as const;
export type AudienceTab = (typeof AUDIENCE_TABS)[number];

/** What of an audience is on display: a tab, the person who is checked, the versions that are compared. */
export interface AudienceSearch {
  tab?: AudienceTab | undefined;
  person?: string | undefined;
  left?: number | undefined;
  right?: number | undefined;
}

const version = (value: unknown): number | undefined => wholeNumberIn(value, Number.MAX_SAFE_INTEGER);

export const audienceRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audiences',
    component: lazyRouteComponent(() => import('./AudiencesPage.tsx'), 'AudiencesPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audiences/new',
    validateSearch: (search): NewSearch => ({ text: textIn(search['text']), from: textIn(search['from']) }),
    component: lazyRouteComponent(() => import('./EditorPage.tsx'), 'NewAudiencePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audiences/$id',
    validateSearch: (search): AudienceSearch => ({
      tab: oneOf(search['tab'], AUDIENCE_TABS),
      person: textIn(search['person']),
      left: version(search['left']),
      right: version(search['right']),
    }),
    component: lazyRouteComponent(() => import('./AudiencePage.tsx'), 'AudiencePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/audiences/$id/edit',
    component: lazyRouteComponent(() => import('./EditorPage.tsx'), 'EditAudiencePage'),
  }),
] as const;
