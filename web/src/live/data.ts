import { keepPreviousData, useQueries, useQuery, useQueryClient, type UseQueryResult } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { bodyOf, preview, type Leaf, type Preview, type TraitEvent } from '../data/api.ts';
import { useStatus } from '../data/use-status.ts';
import { useSession } from '../app/session.ts';
import { leafOf, timeOf, type Cell, type Range } from './lifecycle.ts';
import { stationsOf } from './stages.ts';

/** Polling interval of what changes often; nothing is polled while the page is hidden. */
const POLL_MS = 2_000;
/** Without new events a count changes only because its time range moves. */
const QUIET_MS = 20_000;
/** While the sink writes, any count may change, also through events of the past. */
const BUSY_MS = 4_000;
const EVENTS_SHOWN = 40;

export interface CellCount {
  data: Preview | undefined;
  error: unknown;
}

export const cellKey = ({ trait, status }: Cell): string => `${trait} ${status}`;

/** The counts of the given cells, by `cellKey`. */
export function useCounts(cells: readonly Cell[], range: Range): ReadonlyMap<string, CellCount> {
  const { api, workspace } = useSession();
  return useQueries({
    queries: cells.map((cell) => ({
      queryKey: [workspace.id, 'count', cell.trait, cell.status, range],
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        preview(api, leafOf(cell, timeOf(range, workspace.time_zone, Date.now())), signal),
      refetchInterval: QUIET_MS,
    })),
    combine: (results) =>
      new Map(results.map(({ data, error }, index) => [cellKey(cells[index]!), { data, error }] as const)),
  });
}

/** Refreshes the counts while the sink writes, but not with every poll. */
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
      void queries.invalidateQueries({ queryKey: [workspace.id, 'count'] }, { cancelRefetch: false });
    }, inMs);
    return () => window.clearTimeout(timer);
  }, [written, queries, workspace.id]);
}

const HALF_HOUR: Leaf = { trait: 'cart_abandoned', time: { operator: 'in_last', amount: 30, unit: 'minutes' } };

export interface Headline {
  all: UseQueryResult<Preview>;
  /** The number of them who have ordered since. */
  recovered: UseQueryResult<Preview>;
}

export function useHeadline(): Headline {
  const { api, workspace } = useSession();
  const all = useQuery({
    queryKey: [workspace.id, 'headline'],
    queryFn: ({ signal }) => preview(api, HALF_HOUR, signal),
    refetchInterval: POLL_MS,
  });
  const recovered = useQuery({
    queryKey: [workspace.id, 'headline-recovered'],
    queryFn: ({ signal }) => preview(api, { ...HALF_HOUR, recovered: true }, signal),
    refetchInterval: 3 * POLL_MS,
  });
  return { all, recovered };
}

export function useEvents(): UseQueryResult<{ items: TraitEvent[] }> {
  const { api, workspace } = useSession();
  const queries = useQueryClient();
  const events = useQuery({
    queryKey: [workspace.id, 'events'],
    queryFn: ({ signal }) =>
      bodyOf(api.GET('/v1/trait-events', { params: { query: { limit: EVENTS_SHOWN } }, signal })),
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  const seen = useRef<Set<string> | null>(null);
  const { data } = events;
  // A new event outdates the counts of its own status only.
  useEffect(() => {
    if (!data) return;
    const fresh = data.items.filter(({ event_id }) => seen.current !== null && !seen.current.has(event_id));
    seen.current = new Set(data.items.map(({ event_id }) => event_id));
    const touched = new Set(fresh.map(({ trait, status }) => `${trait} ${status}`));
    for (const cell of touched) {
      const [trait, status] = cell.split(' ');
      void queries.invalidateQueries({ queryKey: [workspace.id, 'count', trait, status] }, { cancelRefetch: false });
    }
  }, [data, queries, workspace.id]);
  return events;
}
