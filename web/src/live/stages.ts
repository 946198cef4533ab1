import type { StageState, Status } from '../api.ts';

/** One station on the way of an event. */
export interface Station {
  id: string;
  title: string;
  /** What happens there, in a few words. */
  does: string;
  state: StageState | 'unknown';
  /** Records in front of it; null where nothing can queue. */
  waiting: number | null;
  /** How far its results are behind, in milliseconds; null when unknown. */
  behindMs: number | null;
  /** Goes up when something passes; null when unknown. */
  passed: number | null;
}

const STATIONS = [
  { id: 'ingest', title: 'Ingest', does: 'checks and keeps' },
  { id: 'carts', title: 'Carts', does: 'one cart’s life' },
  { id: 'people', title: 'People', does: 'who is who' },
  { id: 'sink', title: 'Sink', does: 'writes to ClickHouse' },
  { id: 'api', title: 'Answers', does: 'counts people' },
] as const;

/** The stations in order; those that the status does not name are unknown. */
export function stationsOf(status: Status | null): Station[] {
  return STATIONS.map((station) => {
    const stage = status?.stages.find((candidate) => candidate.stage === station.id);
    if (!stage) return { ...station, state: 'unknown', waiting: null, behindMs: null, passed: null };
    return {
      ...station,
      state: stage.state,
      waiting: stage.lag,
      behindMs: stage.behind_ms,
      passed: stage.position,
    };
  });
}
