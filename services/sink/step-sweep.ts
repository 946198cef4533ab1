import type { Logger } from 'pino';
import { queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { READ_SETTINGS, TABLES } from '../../lib/clickhouse/tables.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { orderAll } from './database.ts';
import { stepsOfPeople } from './erasure.ts';
import { codeOf } from './writer.ts';

const SWEEP_EVERY_MS = 3_600_000;
/** How many people a sweep finds at most; the next one finds the others. */
const PEOPLE_MAX = 10_000;
/** In the background: one thread, and it ends before the client times out. */
const SETTINGS = {
  ...READ_SETTINGS,
  max_threads: 1,
  max_execution_time: 25,
  cancel_http_readonly_queries_on_client_close: 1,
} as const;

/**
 * Empties the steps of flows of people who were erased, also of those that were inserted after the erasure: flow-events
 * is read by another consumer than trait-events, may lag behind it, and may be read again into an empty database. Resolves
 * with the number of people whose steps ClickHouse was ordered to empty, which it does in the background. While an
 * earlier order is open, there is none: it may be about the same people.
 */
export async function sweepSteps(client: ClickHouse, signal?: AbortSignal): Promise<number> {
  // Without FINAL: steps that are hidden by others are in the parts, too, and who was erased remains so.
  const found = await queryRows<{ workspace: string; people: number[] }>(
    client,
    `SELECT workspace, groupArray(person_id) AS people FROM (
       SELECT DISTINCT workspace, person_id FROM ${TABLES.flowEvents}
       WHERE person_id != 0
         AND (workspace, person_id) IN (SELECT workspace, person_id FROM ${TABLES.people} WHERE merged_into = person_id)
         AND (
           SELECT count() FROM system.mutations
           WHERE database = currentDatabase() AND table = '${TABLES.flowEvents}' AND NOT is_done
         ) = 0
       LIMIT ${PEOPLE_MAX}
     ) GROUP BY workspace`,
    {},
    SETTINGS,
    signal,
  );
  for (const { workspace, people } of found) {
    await orderAll(client, stepsOfPeople(workspace, people), signal);
  }
  return found.reduce((sum, { people }) => sum + people.length, 0);
}

export interface SweeperOptions {
  client: ClickHouse;
  logger: Pick<Logger, 'info' | 'warn'>;
  clock: Clock;
}

/** Sweeps at once, then every hour, until it is stopped. A sweep that fails is repeated with the next one. */
export function startSweeper({ client, logger, clock }: SweeperOptions): { stop(): Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      try {
        const people = await sweepSteps(client, signal);
        if (people > 0) logger.info({ people }, 'ordered the removal of erased people from steps of flows');
      } catch (error) {
        // Its message may quote rows.
        const code = codeOf(error);
        if (!signal.aborted) logger.warn({ code }, 'cannot look for steps of erased people; retrying in an hour');
      }
      await clock.sleep(SWEEP_EVERY_MS, signal);
    }
  };
  const running = run();
  return {
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}
