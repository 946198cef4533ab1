import { keepPreviousData, useQueries, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import {
  preview,
  request,
  type Leaf,
  type Page,
  type Preview,
  type Status,
  type Store,
  type TraitEvent,
} from '../api.ts';
import { useSession } from '../session.ts';
import { leafOf, timeOf, type Cell, type Range } from './lifecycle.ts';
import { stationsOf } from './stages.ts';

/** What moves is asked for so often; all of it only while the page can be seen. */
const POLL_MS = 2_000;
/** A count without news changes only because its time range moves on. */
const QUIET_MS = 20_000;
/** While something is written, every count may have changed: also by what happened long ago. */
const BUSY_MS = 4_000;
const EVENTS_SHOWN = 40;

export interface CellCount {
  data: Preview | undefined;
  error: unknown;
}

export const cellKey = ({ trait, status }: Cell): string => `${trait} ${status}`;

/** The counts of these cells, by `cellKey`. */
export function useCounts(cells: readonly Cell[], range: Range): ReadonlyMap<string, CellCount> {
  const { credentials, workspace } = useSession();
  return useQueries({
    queries: cells.map((cell) => ({
      queryKey: ['count', workspace.id, cell.trait, cell.status, range],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        preview(credentials, leafOf(cell, timeOf(range, workspace.time_zone, Date.now())), signal),
      refetchInterval: QUIET_MS,
    })),
    combine: (results) =>
      new Map(results.map(({ data, error }, index) => [cellKey(cells[index]!), { data, error }] as const)),
  });
}

export function useStatus(): UseQueryResult<Status> {
  const { credentials, workspace } = useSession();
  return useQuery({
    queryKey: ['status', workspace.id],
    queryFn: ({ signal }) => request<Status>(credentials, 'GET', '/v1/status', undefined, signal),
    refetchInterval: POLL_MS,
  });
}

/** Counts anew while the sink writes, but not at every look. */
export function useFreshCounts(): void {
  const queries = useQueryClient();
  const { workspace } = useSession();
  const written = stationsOf(useStatus().data ?? null).find(({ id }) => id === 'sink')?.passed ?? null;
  const before = useRef<number | null>(null);
  const countedMs = useRef(0);
  useEffect(() => {
    const moved = before.current !== null && written !== null && written > before.current;
    before.current = written;
    if (!moved) return;
    const inMs = Math.max(0, countedMs.current + BUSY_MS - Date.now());
    const timer = window.setTimeout(() => {
      countedMs.current = Date.now();
      void queries.invalidateQueries({ queryKey: ['count', workspace.id] }, { cancelRefetch: false });
    }, inMs);
    return () => window.clearTimeout(timer);
  }, [written, queries, workspace.id]);
}

const HALF_HOUR: Leaf = { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } };

export interface Headline {
  all: UseQueryResult<Preview>;
  /** Those of them who have come back. */
  recovered: UseQueryResult<Preview>;
}

export function useHeadline(): Headline {
  const { credentials, workspace } = useSession();
  const all = useQuery({
    queryKey: ['headline', workspace.id],
    queryFn: ({ signal }) => preview(credentials, HALF_HOUR, signal),
    refetchInterval: POLL_MS,
  });
  const recovered = useQuery({
    queryKey: ['headline-recovered', workspace.id],
    queryFn: ({ signal }) => preview(credentials, { ...HALF_HOUR, recovered: true }, signal),
    refetchInterval: 3 * POLL_MS,
  });
  return { all, recovered };
}

export function useEvents(): UseQueryResult<Page<TraitEvent>> {
  const { credentials, workspace } = useSession();
  const queries = useQueryClient();
  const events = useQuery({
    queryKey: ['events', workspace.id],
    queryFn: ({ signal }) =>
      request<Page<TraitEvent>>(credentials, 'GET', `/v1/trait-events?limit=${EVENTS_SHOWN}`, undefined, signal),
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  const seen = useRef<Set<string> | null>(null);
  const { data } = events;
  // News of a status makes its counts old, and only its own.
  useEffect(() => {
    if (!data) return;
    const fresh = data.items.filter(({ event_id }) => seen.current !== null && !seen.current.has(event_id));
    seen.current = new Set(data.items.map(({ event_id }) => event_id));
    const touched = new Set(fresh.map(({ trait, status }) => `${trait} ${status}`));
    for (const place of touched) {
      const [trait, status] = place.split(' ');
      void queries.invalidateQueries({ queryKey: ['count', workspace.id, trait, status] }, { cancelRefetch: false });
    }
  }, [data, queries, workspace.id]);
  return events;
}

/** Names of stores by id; empty until they are known. */
export function useStores(): ReadonlyMap<string, string> {
  const { credentials, workspace } = useSession();
  const { data } = useQuery({
    queryKey: ['stores', workspace.id],
    queryFn: ({ signal }) => request<Page<Store>>(credentials, 'GET', '/v1/stores?limit=1000', undefined, signal),
    refetchInterval: 60_000,
  });
  return new Map((data?.items ?? []).map(({ store_id, name }) => [store_id, name ?? `Store ${store_id}`]));
}
