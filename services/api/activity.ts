import { ERASED_LETTER, TABLES } from '../../lib/clickhouse/tables.ts';
import type { Database, Rows } from './database.ts';

/** Recent webhooks of a subscription. */
export interface ActivitySummary {
  lastReceivedMs: number | null;
  /** Number of refused webhooks by reason. */
  refused: Record<string, number>;
}

export interface ActivityReader {
  /** By subscription; subscriptions without webhooks are left out. */
  read(workspace: string, subscriptionIds: string[], signal?: AbortSignal): Promise<Map<string, ActivitySummary>>;
}

/** What ingest reports about one subscription. Times are Unix milliseconds. */
export interface IngestActivity {
  subscription_id: string;
  last_received_at: number | null;
  refused: Record<string, number>;
}

export interface ActivityOptions {
  database: Database;
  /** Rejects when ingest does not answer. */
  fromIngest(): Promise<IngestActivity[]>;
}

/**
 * Combines two sources: ClickHouse counts dead letters; only ingest knows about refusals that are not stored (401) and
 * when the last webhook arrived. While ingest does not answer, the dead letters alone are reported.
 */
export function createActivityReader({ database, fromIngest }: ActivityOptions): ActivityReader {
  return {
    async read(workspace, subscriptionIds, signal) {
      if (subscriptionIds.length === 0) return new Map();
      const [rows, live] = await Promise.all([
        deadLetters(signal ? database.for(signal) : database, workspace, subscriptionIds),
        fromIngest().catch((): IngestActivity[] => []),
      ]);
      const byId = new Map<string, ActivitySummary>();
      const of = (id: string): ActivitySummary => {
        const found = byId.get(id) ?? { lastReceivedMs: null, refused: {} };
        byId.set(id, found);
        return found;
      };
      const wanted = new Set(subscriptionIds);
      for (const { subscription_id, last_received_at, refused } of live) {
        if (!wanted.has(subscription_id)) continue;
        const activity = of(subscription_id);
        activity.lastReceivedMs = later(activity.lastReceivedMs, last_received_at);
        Object.assign(activity.refused, refused);
      }
      for (const { subscription_id, reason, letters, last_at_ms } of rows) {
        const activity = of(subscription_id);
        activity.lastReceivedMs = later(activity.lastReceivedMs, last_at_ms);
        // Ingest counts these too, repeats included, but may lose counts in a crash.
        activity.refused[reason] = Math.max(activity.refused[reason] ?? 0, letters);
      }
      return byId;
    },
  };
}

const later = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.max(a, b);

interface LettersRow {
  subscription_id: string;
  reason: string;
  letters: number;
  last_at_ms: number;
}

const deadLetters = (database: Rows, workspace: string, ids: string[]): Promise<LettersRow[]> =>
  database.rows<LettersRow>(
    `SELECT subscription_id, reason, count() AS letters, max(toUnixTimestamp64Milli(received_at)) AS last_at_ms
    FROM ${TABLES.deadLetters} FINAL
    WHERE workspace = {workspace:String} AND subscription_id IN {ids:Array(String)} AND reason != '${ERASED_LETTER}'
    GROUP BY subscription_id, reason`,
    { workspace, ids },
  );
