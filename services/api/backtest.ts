import { groupsOf } from './backtest-past.ts';
import type { BacktestRequest } from './backtest-play.ts';
import { reportOf, type BacktestReport } from './backtest-report.ts';
import type { BacktestThreads } from './backtest-threads.ts';
import { ClientGoneError, type Database } from './database.ts';

export type { BacktestReport, BacktestRequest };

/** A back-test: what a flow would have done with the trait events that are known today. */

export interface BacktestDeps {
  database: Pick<Database, 'for'>;
  threads: BacktestThreads;
}

/**
 * Plays the trait events of a workspace, of some people after those of others: their runs have nothing to do with each
 * other. Threads play and parse; this one only reads. Rejects like `Rows.rows`, with ClientGoneError soon after the
 * signal aborts.
 */
export async function runBacktest(
  { database, threads }: BacktestDeps,
  request: BacktestRequest,
  signal: AbortSignal,
): Promise<BacktestReport> {
  // Aborts what is read for the other threads when one fails.
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const play = async (): Promise<BacktestReport> => {
    const { flow, groupPeople } = request;
    const rows = database.for(either);
    const groups = await groupsOf(rows, flow, request, groupPeople);
    return reportOf(flow, await threads.play({ request, groups, rows, signal }));
  };
  try {
    return await threads.inTurn(request.workspace, play, signal);
  } catch (error) {
    throw signal.aborted ? new ClientGoneError('the client closed the connection', { cause: error }) : error;
  } finally {
    failed.abort();
  }
}
