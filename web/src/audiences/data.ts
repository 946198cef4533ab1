/** What the pages of audiences ask of the API. Every question about people is asked again while it is on display. */
import { keepPreviousData, type UseQueryResult } from '@tanstack/react-query';
import { looksAtNow, type Audience } from '../../../lib/audiences/tree.ts';
import type { Schemas } from '../../../lib/client/index.ts';
import {
  allItems,
  ApiError,
  bodyOf,
  inTurn,
  PAGE_MAX,
  type ApiClient,
  type AudienceVersion,
  type Explanation,
  type Preview,
  type SavedAudience,
} from '../data/api.ts';
import { lastAnswerOn, useApiPages, useApiQuery } from '../data/queries.ts';

export interface Question {
  audience: Audience;
  includeAnonymous: boolean;
}

export const askedOf = (saved: Pick<SavedAudience, 'audience' | 'include_anonymous'>): Question => ({
  audience: saved.audience as Audience,
  includeAnonymous: saved.include_anonymous,
});

const body = ({ audience, includeAnonymous }: Question) => ({ audience, include_anonymous: includeAnonymous });

/** How often a count on display is asked again: a webhook should be seen to move it. */
const COUNT_MS = 3_000;

/** The count and a sample. Null asks nothing; while another question is asked, the last answer stays on display. */
export function useCount(question: Question | null): UseQueryResult<Preview> {
  return useApiQuery(
    ['count-of', question],
    (api, signal) => bodyOf(api.POST('/v1/audiences/preview', { body: body(question!), signal })),
    { enabled: question !== null, placeholderData: keepPreviousData, refetchInterval: COUNT_MS },
  );
}

export type Range = '24h' | '7d' | '30d';

export const RANGES: readonly { value: Range; label: string }[] = [
  { value: '24h', label: '24 hours' },
  { value: '7d', label: '7 days' },
  { value: '30d', label: '30 days' },
];

const HOUR_MS = 3_600_000;

const SPANS: Record<Range, { lengthMs: number; step: Schemas['Step'] }> = {
  '24h': { lengthMs: 24 * HOUR_MS, step: { amount: 1, unit: 'hours' } },
  '7d': { lengthMs: 7 * 24 * HOUR_MS, step: { amount: 6, unit: 'hours' } },
  '30d': { lengthMs: 30 * 24 * HOUR_MS, step: { amount: 1, unit: 'days' } },
};

/** A time range that ends now, with its step. */
export function spanOf(range: Range): { from: string; to: string; step: Schemas['Step'] } {
  const nowMs = Date.now();
  const { lengthMs, step } = SPANS[range];
  return { from: new Date(nowMs - lengthMs).toISOString(), to: new Date(nowMs).toISOString(), step };
}

/** Conditions about carts as they are now have no past. */
export const hasTrend = ({ audience }: Question): boolean => !looksAtNow(audience);

/** How many people matched over time. Null asks nothing. */
export function useTrend(question: Question | null, range: Range): UseQueryResult<Schemas['Trend']> {
  return useApiQuery(
    ['trend-of', question, range],
    (api, signal) =>
      inTurn(() => bodyOf(api.POST('/v1/audiences/trend', { body: { ...body(question!), ...spanOf(range) }, signal }))),
    {
      enabled: question !== null && hasTrend(question),
      placeholderData: keepPreviousData,
      staleTime: 60_000,
      refetchInterval: 60_000,
    },
  );
}

/** Asks whether a person is in an audience, and why. While the audience changes, the last answer on this person stays. */
export function useExplanation(question: Question | null, personId: string | null): UseQueryResult<Explanation> {
  return useApiQuery(
    ['explanation-of', question, personId],
    (api, signal) =>
      bodyOf(api.POST('/v1/audiences/explain', { body: { ...body(question!), person_id: personId! }, signal })),
    {
      enabled: question !== null && personId !== null,
      placeholderData: lastAnswerOn(personId),
      refetchInterval: 10_000,
    },
  );
}

export const useAudiences = (): UseQueryResult<SavedAudience[]> =>
  useApiQuery(
    ['audiences'],
    (api, signal) => allItems((query) => bodyOf(api.GET('/v1/audiences', { params: { query }, signal }))),
    { refetchInterval: 10_000 },
  );

export interface Size {
  count: number;
  reachable: { sms: number; email: number };
}

/** The size of an audience in a list: live ones bring it along, others are counted when they come into view. */
export function useListSize(saved: SavedAudience, seen: boolean): Size | null {
  const { data } = useApiQuery(
    ['list-size', saved.id, saved.version],
    (api, signal) => inTurn(() => bodyOf(api.POST('/v1/audiences/preview', { body: body(askedOf(saved)), signal }))),
    { enabled: seen && !saved.live, refetchInterval: 30_000, staleTime: 10_000 },
  );
  return (saved.live ? saved.size : data) ?? null;
}

/** The sizes of the last 7 days, one a day; null while unknown. */
export function useListTrend(saved: SavedAudience, enabled: boolean): number[] | null {
  const { data } = useApiQuery(
    ['list-trend', saved.id, saved.version],
    (api, signal) => {
      const { from, to } = spanOf('7d');
      const step = { amount: 1, unit: 'days' as const };
      return inTurn(() =>
        bodyOf(api.POST('/v1/audiences/trend', { body: { ...body(askedOf(saved)), from, to, step }, signal })),
      );
    },
    { enabled, staleTime: 300_000 },
  );
  return data?.points.map(({ count }) => count) ?? null;
}

export function useAudience(id: string | null): UseQueryResult<SavedAudience> {
  return useApiQuery(
    ['audience', id],
    (api, signal) => bodyOf(api.GET('/v1/audiences/{id}', { params: { path: { id: id! } }, signal })),
    { enabled: id !== null, refetchInterval: 5_000 },
  );
}

export function useVersions(id: string): UseQueryResult<AudienceVersion[]> {
  return useApiQuery(['audience-versions', id], async (api, signal) => {
    const params = { path: { id }, query: { limit: PAGE_MAX } };
    return (await bodyOf(api.GET('/v1/audiences/{id}/versions', { params, signal }))).items;
  });
}

export const MEMBERS_PAGE = 50;

/** The members, page by page, all of one evaluation. */
export const useMembers = (id: string, version: number) =>
  useApiPages(
    ['members', id, version],
    (api, page, signal) => {
      const query = { limit: MEMBERS_PAGE, ...page };
      return bodyOf(api.GET('/v1/audiences/{id}/members', { params: { path: { id }, query }, signal }));
    },
    { staleTime: Infinity },
  );

export interface Activity {
  buckets: { from: string; entered: number; left: number; size: number }[];
}

/** Who entered and left a live audience, in buckets. */
export function useActivity(id: string, range: Range, everyMs = 2_000): UseQueryResult<Activity> {
  return useApiQuery(
    ['activity', id, range],
    (api, signal) => {
      const { from, to, step } = spanOf(range);
      const query = { from, to, step: `${step.amount} ${step.unit}` };
      return bodyOf(api.GET('/v1/audiences/{id}/changes/summary', { params: { path: { id }, query }, signal }));
    },
    { placeholderData: lastAnswerOn(id), refetchInterval: everyMs },
  );
}

/** An audience from its text form. Throws ApiError 422 with the position of what is wrong. */
export const parseText = async (api: ApiClient, text: string, signal: AbortSignal): Promise<Audience> =>
  (await bodyOf(api.POST('/v1/audiences/parse', { body: { text }, signal }))).audience as Audience;

export interface Draft {
  name: string;
  description: string | null;
  audience: Audience;
  include_anonymous: boolean;
  live: boolean;
}

export const draftOf = ({ name, description, audience, include_anonymous, live }: AudienceVersion): Draft => ({
  name,
  description,
  audience: audience as Audience,
  include_anonymous,
  live,
});

export const createAudience = (api: ApiClient, draft: Draft): Promise<SavedAudience> =>
  bodyOf(api.POST('/v1/audiences', { body: draft }));

/** Saves a new version. Throws ApiError 409 if the audience has another version by now. */
export const replaceAudience = (api: ApiClient, id: string, version: number, draft: Draft): Promise<SavedAudience> =>
  bodyOf(
    api.PUT('/v1/audiences/{id}', {
      params: { path: { id }, header: { 'If-Match': `"${version}"` } },
      body: draft,
    }),
  );

export const isConflict = (error: unknown): boolean => error instanceof ApiError && error.status === 409;
