import type { Logger } from 'pino';
import type { Clock } from '../../lib/clock/index.ts';
import type { Cursor } from './cursor.ts';
import type { Ledger } from './ledger.ts';

/** Markers behind the last record are recorded after so much quiet, so that retention does not make a gap of them. */
const MARKERS_AFTER_MS = 60_000;
const MAX_BLOCKS = 1_000;
/** The ledger rows of single blocks expire: a quiet partition gets its checkpoint by age. */
const MAX_AGE_MS = 3_600_000;

export interface CheckpointsOptions {
  ledger: Pick<Ledger, 'checkpoint'>;
  topic: string;
  clock: Clock;
  logger: Logger;
}

/** Keeps the ledger short: decides when a partition needs a checkpoint, and writes it. */
export class Checkpoints {
  constructor(private readonly options: CheckpointsOptions) {}

  isDue(cursor: Cursor<unknown>): boolean {
    if (cursor.state.name !== 'reading') return false;
    const now = this.options.clock.elapsedMs();
    if (cursor.hasMarkersBehind && cursor.quietMs(now) > MARKERS_AFTER_MS) return true;
    const blocks = cursor.blocksSinceCheckpoint;
    return blocks >= MAX_BLOCKS || (blocks > 0 && cursor.checkpointAgeMs(now) > MAX_AGE_MS);
  }

  /** A failure is logged, not retried: the next checkpoint covers the same blocks and more. */
  async write(cursors: readonly Cursor<unknown>[]): Promise<void> {
    if (cursors.length === 0) return;
    const { ledger, topic, clock, logger } = this.options;
    const written = cursors.map((cursor) => {
      cursor.triedCheckpoint(clock.elapsedMs());
      return { cursor, checkpoint: cursor.checkpoint(), blocks: cursor.blocksWritten };
    });
    try {
      await ledger.checkpoint(new Map(written.map(({ cursor, checkpoint }) => [cursor.partition, checkpoint])));
    } catch {
      const partitions = cursors.map(({ partition }) => partition);
      logger.warn({ topic, partitions }, 'cannot write a checkpoint; a later one will replace it');
      return;
    }
    for (const { cursor, checkpoint, blocks } of written) cursor.checkpointed(checkpoint, blocks);
  }
}
