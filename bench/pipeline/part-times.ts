/** When a part of a table became visible to queries, from its folder on this machine's disk. */
import { statSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import type { BenchInstallation } from './installation.ts';
import { ask } from './workspace.ts';

/** The kernel stamps inodes with the time of its last tick, up to 4 ms ago. */
const TICK_MS = 5;
/** On a busy machine a part may become active this much later than its folder was renamed, at most. */
const ACTIVE_AFTER_MS = 500;

/**
 * ClickHouse writes a part into a temporary folder and syncs it, then renames the folder and makes the part active. The
 * rename sets the change time of the folder's inode, so that is when queries begin to see the rows, or a moment later.
 */
export class PartTimes {
  private constructor(private readonly folder: string) {}

  /** Throws Error when the table has no folder here. */
  static async of(installation: BenchInstallation, table: string): Promise<PartTimes> {
    const [row] = await ask(
      installation,
      `SELECT data_paths[1] FROM system.tables WHERE database = '${installation.database}' AND name = '${table}'`,
    );
    const folder = row?.[0] ?? '';
    statSync(folder);
    return new PartTimes(folder);
  }

  /**
   * Unix milliseconds at which the rows of a part became visible, given that a query which began at `afterMs` did not see
   * them and the answer of one that did came at `byMs`. Of a merged part: the time of its newest block. `byMs` without a
   * folder, and when the first query began after the rename. Throws Error when the time contradicts the queries.
   */
  visibleMs(part: string, afterMs: number, byMs: number): number {
    const stats = this.statsOf(part);
    if (stats === undefined) return byMs;
    // The other times come from a monotonic clock, which may have drifted from the system's since the process started.
    const ctimeMs = stats.ctimeMs - (Date.now() - (performance.timeOrigin + performance.now()));
    if (ctimeMs < afterMs - ACTIVE_AFTER_MS || ctimeMs > byMs + TICK_MS)
      throw new Error(`part ${part} of ${ctimeMs} was seen by ${byMs} and not by ${afterMs}`);
    return ctimeMs < afterMs - TICK_MS ? byMs : Math.min(ctimeMs, byMs);
  }

  private statsOf(part: string): Stats | undefined {
    const [month, , newest] = part.split('_');
    // The level of a part as it was inserted: 1 if rows may replace each other.
    const levels = [0, 1].map((level) => join(this.folder, `${month}_${newest}_${newest}_${level}`));
    for (const folder of levels) {
      const stats = statSync(folder, { throwIfNoEntry: false });
      if (stats !== undefined) return stats;
    }
    return undefined;
  }
}
