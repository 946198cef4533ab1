/** What ClickHouse holds of live audiences: the changes by their offset, and the members. */
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { AudienceSize, AudienceSizes } from './audience-sizes.ts';
import type { Database, Rows } from './database.ts';

export interface FeedRow {
  offset: number;
  person_id: string;
  change: 'entered' | 'left';
  at: string;
  cause: string;
  version: number;
}

/**
 * Changes of an audience with an offset of at least `from`, oldest first. The sink inserts in the order of offsets: what
 * is not there yet comes after everything that is.
 */
export const readFeed = (
  database: Rows,
  { workspace, id, from, limit }: { workspace: string; id: string; from: number; limit: number },
): Promise<FeedRow[]> =>
  database.rows<FeedRow>(
    `SELECT change.offset AS offset, toString(person_id) AS person_id, change, at, cause, audience_version AS version
    FROM ${TABLES.audienceChanges} AS change FINAL
    WHERE workspace = {workspace:String} AND audience_id = {id:String} AND change.offset >= {from:UInt64}
    ORDER BY change.offset LIMIT {limit:UInt32}`,
    { workspace, id, from, limit },
  );

/** The audiences that a person is in by their feeds, ordered by id; also audiences that are not live any more. */
export const readMemberships = (
  database: Rows,
  workspace: string,
  personId: number,
): Promise<{ id: string; entered_at: string }[]> =>
  database.rows(
    `SELECT audience_id AS id, at AS entered_at FROM ${TABLES.audienceMembers} FINAL
    WHERE workspace = {workspace:String} AND person_id = {person:UInt32} ORDER BY audience_id`,
    { workspace, person: personId },
  );

/** Entered and left between two times. */
export interface ChangeCounts {
  entered: number;
  left: number;
  /** Members after the last change before the end; null when no change is that old. */
  size: number | null;
}

interface Ends {
  workspace: string;
  id: string;
  /** Unix ms, ascending: the beginning of the first bucket and the end of each one. */
  boundsMs: readonly number[];
}

/** What happened in each bucket; the first bucket lies between the first and the second bound, exclusive. */
export async function readBuckets(database: Rows, { workspace, id, boundsMs }: Ends): Promise<ChangeCounts[]> {
  const rows = await database.rows<{ bucket: number; entered: number; left: number; size: number; before: number }>(
    // arrayFirstIndex of the bounds after it: 1 is before the first bucket.
    `SELECT arrayFirstIndex(bound -> bound > toUnixTimestamp64Milli(at), {bounds:Array(Int64)}) AS bucket,
      countIf(change = 'entered') AS entered, countIf(change = 'left') AS left,
      argMax(change_size, position) AS size,
      argMin(change_size - if(change = 'entered', 1, -1), position) AS before
    FROM (
      SELECT at, change, toInt64(feed.size) AS change_size, feed.offset AS position
      FROM ${TABLES.audienceChanges} AS feed FINAL
      WHERE workspace = {workspace:String} AND audience_id = {id:String}
    )
    GROUP BY bucket`,
    { workspace, id, bounds: boundsMs },
  );
  const found = new Map(rows.map((row) => [row.bucket, row]));
  // The oldest change that is left says how many there were before it.
  const oldest = [1, ...boundsMs.map((_, i) => i + 2), 0].map((bucket) => found.get(bucket)).find((row) => row);
  let size: number | null = found.get(1)?.size ?? oldest?.before ?? null;
  return boundsMs.slice(1).map((_, i) => {
    const row = found.get(i + 2);
    size = row?.size ?? size;
    return { entered: row?.entered ?? 0, left: row?.left ?? 0, size };
  });
}

/** Sizes by the members that the sink has written. */
export const createSizes = (database: Database): AudienceSizes => ({
  async read(workspace, ids, signal) {
    const source = signal === undefined ? database : database.for(signal);
    const rows = await source.rows<{ id: string; count: number; sms: number; email: number; at: number }>(
      `WITH (
        SELECT (groupBitmapStateIf(person_id, reachable_sms), groupBitmapStateIf(person_id, reachable_email))
        FROM ${TABLES.people} FINAL WHERE workspace = {workspace:String} AND merged_into = 0
      ) AS reachable
      SELECT audience_id AS id, toUnixTimestamp64Milli(max(member.at)) AS at,
        groupBitmapStateIf(person_id, member.is_deleted = 0) AS members,
        bitmapCardinality(members) AS count, bitmapAndCardinality(members, reachable.1) AS sms,
        bitmapAndCardinality(members, reachable.2) AS email
      FROM (
        SELECT audience_id, person_id, at, is_deleted FROM ${TABLES.audienceMembers}
        WHERE workspace = {workspace:String} AND audience_id IN {ids:Array(String)}
        ORDER BY version DESC LIMIT 1 BY audience_id, person_id
      ) AS member
      GROUP BY audience_id`,
      { workspace, ids: [...ids] },
    );
    return new Map(
      rows.map(({ id, count, sms, email, at }): [string, AudienceSize] => [
        id,
        { count, reachable: { sms, email }, atMs: at },
      ]),
    );
  },
});
