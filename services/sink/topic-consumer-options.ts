import type { Logger } from 'pino';
import type { Codec } from '../../lib/avro/index.ts';
import type { Clock } from '../../lib/clock/index.ts';
import type { Kafka } from '../../lib/kafka/types.ts';
import type { TopicName } from '../../lib/topics.ts';
import type { Rows } from './block.ts';
import type { SameCause } from './cursor.ts';
import type { Ledger } from './ledger.ts';
import type { SinkMetrics } from './metrics.ts';
import type { BlockWriter } from './writer.ts';

/** What a topic's records become. */
export interface TopicContent<M> {
  topic: TopicName;
  /** The tables, in the order in which a block writes them. */
  tables: readonly string[];
  addRows(rows: Rows, message: M, offset: number): void;
  sameCause: SameCause<M>;
  logTimeMs(message: M): number;
}

export interface SinkSettings {
  /** Blocks begin at least so far apart, unless one is full. */
  blockIntervalMs: number;
  /** A block is full with so many records, but for the rest of a cause. */
  blockRecordsMax: number;
  /** And with so many bytes of rows. */
  blockBytesMax: number;
  /** Go on where records were deleted unread. */
  acceptLost: boolean;
}

export interface TopicConsumerOptions<M> {
  content: TopicContent<M>;
  kafka: Kafka;
  codec: Codec<M>;
  groupId: string;
  /** Base URL of the health server, said in the group. */
  url: string | null;
  ledger: Ledger;
  writer: BlockWriter;
  /** Ends what ledger and writer have under way. */
  givingUp: AbortController;
  settings: SinkSettings;
  logger: Logger;
  metrics: SinkMetrics;
  clock: Clock;
}
