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
}

export const encodeCheckpoint = ({ position, logTimeMs }: Checkpoint): string =>
  JSON.stringify({ log_time: logTimeMs, step: position.step });

/** Throws on text that is not ours: going on with a clock at zero would repeat what was concluded. */
export function decodeCheckpoint(offset: number, metadata: string): Checkpoint {
  const { log_time: logTimeMs, step } = JSON.parse(metadata) as { log_time: unknown; step: unknown };
  if (typeof logTimeMs !== 'number' || typeof step !== 'number') throw new Error(`committed offset says ${metadata}`);
  return { position: { offset, step }, logTimeMs };
}
