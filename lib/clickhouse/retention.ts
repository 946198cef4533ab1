import { queryRows, type ClickHouse } from './client.ts';
import { TABLES } from './tables.ts';

/**
 * Kafka deletes whole segments of up to a week, so a topic keeps records for up to a week longer than its retention. The
 * table keeps what the topic has, and a day more, because its rows expire at the beginning of a day.
 */
const LONGER_THAN_TOPIC_DAYS = 8;

/**
 * Makes the feeds of live audiences as long as the retention of `audience-changes`; call it after the migrations, at each
 * start. `days`: LOG_RETENTION_DAYS. Nothing is done when the table has this retention already. Returns whether it was
 * changed. Throws the errors of the client.
 *
 * `audience_members` has no retention: it is not a log. A member of ten years is still a member, and the row of a former
 * member replaces that of the member, which may be in another part.
 */
export async function applyRetention(client: ClickHouse, days: number): Promise<boolean> {
  // A Date, unlike a DateTime, does not wrap before 2149.
  const ttl = `toDate(at) + toIntervalDay(${days + LONGER_THAN_TOPIC_DAYS})`;
  const [table] = await queryRows<{ engine_full: string }>(
    client,
    'SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = {name: String}',
    { name: TABLES.audienceChanges },
  );
  if (table?.engine_full.includes(`TTL ${ttl} `) === true) return false;
  await client.command({ query: `ALTER TABLE ${TABLES.audienceChanges} MODIFY TTL ${ttl}` });
  return true;
}
