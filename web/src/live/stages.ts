import type { Stage } from '../data/api.ts';
import { behindOf, STAGE_WORDS } from '../data/stages.ts';

/** The fields of GET /v1/status that the page shows. */
interface ShownStatus {
  stages: readonly Pick<Stage, 'stage' | 'state' | 'topic' | 'position' | 'lag' | 'behind_ms'>[];
}

/** One stage of the pipeline as the page shows it. */
export interface Station {
  id: string;
  title: string;
  /** A short description of what the stage does. */
  does: string;
  state: Stage['state'] | 'unknown';
  /** Whether records can wait for it: not for stages that answer requests. */
  queues: boolean;
  /** Number of records that wait; null while unknown, and for stages without a queue. */
  waiting: number | null;
  /** How far its results are behind, in milliseconds; null while unknown. */
  behindMs: number | null;
  /** A counter that increases when records pass the stage; null while unknown. */
  passed: number | null;
}

/** The stages on the way from a webhook to a count. */
const STATIONS = (['ingest', 'carts', 'people', 'sink', 'api'] as const).map((id) => {
  const { title, does } = STAGE_WORDS[id];
  return { id, title, does };
});

/**
 * All stages in order; those missing in the status are unknown. The number of records that ingest has accepted is the
 * end of the topic that the carts stage reads; the number that the API can count is the position of the sink.
 */
export function stationsOf(status: ShownStatus | null): Station[] {
  const stageOf = (id: string) => status?.stages.find(({ stage }) => stage === id);
  const carts = stageOf('carts');
  const accepted = carts && carts.position !== null && carts.lag !== null ? carts.position + carts.lag : null;
  return STATIONS.map((station) => {
    const stage = stageOf(station.id);
    if (!stage) return { ...station, state: 'unknown', queues: false, waiting: null, behindMs: null, passed: null };
    const passed =
      station.id === 'ingest' ? accepted : station.id === 'api' ? (stageOf('sink')?.position ?? null) : stage.position;
    const { state, topic, lag } = stage;
    return { ...station, state, queues: topic !== null, waiting: lag, behindMs: behindOf(stage), passed };
  });
}
