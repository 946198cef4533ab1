import { markText, parseMark, type Mark } from '../kafka/continuity.ts';

/**
 * The progress of a task: everything before the record at `offset` is done, and so are the first `step` steps of this
 * record: each deadline that it makes due, its fold, then each entry that is due at once. (A record with very many of
 * them is handled in several transactions.)
 */
export interface Position {
  offset: number;
  step: number;
}

/** Whether `a` lies before `b`. */
export const isBefore = (a: Position, b: Position): boolean =>
  a.offset < b.offset || (a.offset === b.offset && a.step < b.step);

/** Committed as metadata of the group's offset, so that log time survives a restart. */
export interface Checkpoint {
  position: Position;
  logTimeMs: number;
  /**
   * The fold of the record at the position is among the steps that are done. If left out, it is not: earlier releases
   * never committed after it.
   */
  isFolded?: boolean;
  /**
   * The last record that the task began to handle. Undefined before the first record, and in checkpoints of earlier
   * releases.
   */
  mark?: Mark | undefined;
}

export const encodeCheckpoint = ({ position, logTimeMs, isFolded = false, mark }: Checkpoint): string =>
  JSON.stringify({
    log_time: logTimeMs,
    step: position.step,
    ...(isFolded ? { folded: true } : {}),
    ...(mark === undefined ? {} : { last_record: markText(mark) }),
  });

/** Throws an Error for metadata that is not a checkpoint: continuing with log time 0 would repeat conclusions. */
export function decodeCheckpoint(offset: number, metadata: string): Checkpoint {
  const {
    log_time: logTimeMs,
    step,
    folded,
    last_record: mark = '',
  } = JSON.parse(metadata) as { log_time: unknown; step: unknown; folded?: unknown; last_record?: unknown };
  if (typeof logTimeMs !== 'number' || typeof step !== 'number')
    throw new Error(`the committed offset has unknown metadata: ${metadata}`);
  return { position: { offset, step }, logTimeMs, isFolded: folded === true, mark: parseMark(String(mark)) };
}
