/** One step of the schema of the database: see migrations.ts. */
export interface Migration {
  /** Counted from 1 without gaps. */
  id: number;
  name: string;
  statements: readonly string[];
}

/**
 * Durability of every table: without these two a power cut loses the last half minute, and leaves
 * parts so broken that the engine does not start.
 */
export const DURABLE = 'fsync_after_insert = 1, min_rows_to_fsync_after_merge = 1';

/** Settings of every view, independent of the analyst's session. */
export const READ = 'SETTINGS do_not_merge_across_partitions_select_final = 1, join_use_nulls = 0';
