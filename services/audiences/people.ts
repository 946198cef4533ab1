import type { Audience } from '../../lib/audiences/index.ts';

/** What an evaluation reads of people; `F` is what is known of one person. */
export interface PeopleSource<F extends { personId: number }> {
  /**
   * The facts of these people as they are now, by the id that was asked for. Somebody who was merged has the facts of the
   * winner, under the winner's id. People who do not exist have no facts. Only what these audiences need is read.
   */
  read(
    workspace: string,
    ids: readonly number[],
    audiences: readonly Audience[],
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, F>>;
  /** How many rows the facts hold: a measure of their memory. */
  rowsOf(facts: F): number;
  /** The first `limit` people with an id above `after`, ascending, without those who were merged. */
  next(workspace: string, after: number, limit: number, signal: AbortSignal): Promise<number[]>;
}
