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

/**
 * The stations in order; those that the status does not name are unknown. What was taken in shows at the end of
 * the topic that the carts read, and what can be counted at the position of the sink.
 */
export function stationsOf(status: Status | null): Station[] {
  const stageOf = (id: string) => status?.stages.find(({ stage }) => stage === id);
  const carts = stageOf('carts');
  const taken = carts && carts.position !== null && carts.lag !== null ? carts.position + carts.lag : null;
  return STATIONS.map((station) => {
    const stage = stageOf(station.id);
    if (!stage) return { ...station, state: 'unknown', waiting: null, behindMs: null, passed: null };
    const passed =
      station.id === 'ingest' ? taken : station.id === 'api' ? (stageOf('sink')?.position ?? null) : stage.position;
    // A stage with nothing in front of it is up to date, however long ago that was last proven.
    const behindMs = stage.lag === 0 ? 0 : stage.behind_ms;
    return { ...station, state: stage.state, waiting: stage.lag, behindMs, passed };
  });
}
