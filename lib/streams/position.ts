import { markText, parseMark, type Mark } from '../kafka/continuity.ts';

/**
 * How far a task has come: everything before record `offset` is done, and of that record's own work the first `step`
 * deadlines. (A record that makes very many entries due is worked off in several transactions.)
 */
export interface Position {
  offset: number;
  step: number;
}

/** Whether `a` lies before `b`. */
export const isBefore = (a: Position, b: Position): boolean =>
  a.offset < b.offset || (a.offset === b.offset && a.step < b.step);

/** What is committed with the group's offset, so that the log's clock survives a restart. */
export interface Checkpoint {
  position: Position;
  logTimeMs: number;
  /** The last record that was taken, done or not; undefined before the first, and of an older release. */
  mark?: Mark | undefined;
}

export const encodeCheckpoint = ({ position, logTimeMs, mark }: Checkpoint): string =>
  JSON.stringify({
    log_time: logTimeMs,
    step: position.step,
    ...(mark === undefined ? {} : { last_record: markText(mark) }),
  });

/** Throws on text that is not ours: going on with a clock at zero would repeat what was concluded. */
export function decodeCheckpoint(offset: number, metadata: string): Checkpoint {
  const {
    log_time: logTimeMs,
    step,
    last_record: mark = '',
  } = JSON.parse(metadata) as { log_time: unknown; step: unknown; last_record?: unknown };
  if (typeof logTimeMs !== 'number' || typeof step !== 'number') throw new Error(`committed offset says ${metadata}`);
  return { position: { offset, step }, logTimeMs, mark: parseMark(String(mark)) };
}
