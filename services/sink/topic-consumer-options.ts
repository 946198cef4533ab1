import type { Logger } from 'pino';
import type { Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Kafka } from '../../lib/kafka/types.ts';
import type { TopicName } from '../../lib/topics.ts';
import type { Rows } from './block.ts';
import type { Message } from './cursor.ts';
import type { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';
import type { BlockWriter } from './writer.ts';

/** What a topic's records become. */
export interface TopicContent<M> {
  topic: TopicName;
  /** Every table that a record may have rows in, but those of `details`. */
  tables: readonly string[];
  /** Tables that no count depends on; they are written later than the others, several blocks at a time. */
  details?: readonly string[];
  /** The least time between the beginnings of two blocks, if that is more than the setting: nothing waits for the rows. */
  intervalMs?: number;
  /** Throws for a record without content for a row. */
  addRows(rows: Rows, message: M, offset: number): void;
  /** Two records have the same cause: their rows go into one block. */
  sameCause(a: Message<M>, b: Message<M>): boolean;
  /** Unix milliseconds. */
  logTimeMs(message: M): number;
}

export interface SinkSettings {
  /** The least time between the beginnings of two blocks, unless one is full. */
  blockIntervalMs: number;
  /** The least time between the beginnings of two completions: details and ledger rows of the blocks since the last one. */
  ledgerIntervalMs: number;
  /** A block with this many records is full; the rest of a cause may still be added. */
  blockRecordsMax: number;
  /** A block with this many bytes of rows is full. */
  blockBytesMax: number;
  /** Continue after records that were deleted unread. */
  acceptLost: boolean;
}

export interface TopicConsumerOptions<M> {
  content: TopicContent<M>;
  kafka: Kafka;
  codec: Codec<M>;
  groupId: string;
  /** Base URL of the health server, published in the group. */
  url: string | null;
  ledger: Ledger;
  writer: BlockWriter;
  /** Aborts open requests of `ledger` and `writer`. */
  givingUp: AbortController;
  settings: SinkSettings;
  logger: Logger;
  metrics: SinkMetrics;
  clock: Clock;
}
