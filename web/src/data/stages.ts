/** The stages of the pipeline, as every page names them, in the order in which events pass them. */
import type { Stage } from './api.ts';

export interface StageWords {
  title: string;
  /** What the stage does, as a few words. */
  does: string;
  /** The process that runs it: its log is `.data/logs/<process>.log`. */
  process: string;
}

export const STAGE_WORDS = {
  ingest: { title: 'Ingest', does: 'checks and stores', process: 'ingest' },
  carts: { title: 'Carts', does: 'follows each cart', process: 'processor' },
  people: { title: 'People', does: 'links people', process: 'processor' },
  sink: { title: 'Sink', does: 'writes to ClickHouse', process: 'sink' },
  audiences: { title: 'Live audiences', does: 'finds who enters and leaves', process: 'audiences' },
  flows: { title: 'Flows', does: 'decides what flows do', process: 'processor' },
  delivery: { title: 'Delivery', does: 'sends messages', process: 'delivery' },
  relay: { title: 'Relay', does: 'passes definitions on', process: 'processor' },
  api: { title: 'API', does: 'counts people', process: 'api' },
} as const satisfies Record<string, StageWords>;

/** A stage that this console does not know keeps its own name. */
export const stageWords = (stage: string): StageWords =>
  Object.hasOwn(STAGE_WORDS, stage)
    ? STAGE_WORDS[stage as keyof typeof STAGE_WORDS]
    : { title: stage.charAt(0).toUpperCase() + stage.slice(1), does: '', process: stage };

/**
 * How far the results of a stage are behind, in milliseconds; null while unknown. A stage without waiting records is up
 * to date, however old the last proof of that is.
 */
export const behindOf = ({ lag, behind_ms }: Pick<Stage, 'lag' | 'behind_ms'>): number | null =>
  lag === 0 ? 0 : behind_ms;
