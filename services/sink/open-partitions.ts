import { findBroken } from '../../lib/kafka/continuity.ts';
import type { LedgerState } from './ledger.ts';
import { openingOf, type Opening } from './opening.ts';
import type { TopicConsumerOptions } from './topic-consumer-options.ts';

/** A partition, compared with its ledger and its log. */
export interface Opened {
  partition: number;
  /** What the ledger says; without a ledger, the beginning of the log. */
  state: LedgerState;
  /** High watermark. */
  end: number;
  /** Why it cannot be read on, or null. */
  problem: string | null;
  /** Records were deleted that the sink never read, and it continues after them. */
  lost: boolean;
}

/**
 * Compares partitions with their ledgers and logs. Retries reading the ledger until `wanted` is aborted, then returns
 * null. Throws what Kafka throws.
 */
export async function openPartitions<M>(
  options: TopicConsumerOptions<M>,
  partitions: readonly number[],
  wanted: AbortSignal,
): Promise<Opened[] | null> {
  if (partitions.length === 0) return [];
  const { kafka, content, ledger, writer, settings, clock } = options;
  let states = new Map<number, LedgerState>();
  const isRead = await writer.retry('ledger', wanted, async () => {
    states = await ledger.read(partitions);
  });
  if (!isRead) return null;
  const { topic } = content;
  // Other partitions may be without a leader.
  const ranges = await Promise.all(
    partitions.map(async (partition) => [partition, await kafka.rangeOf(topic, partition)] as const),
  );
  const marks = ranges.flatMap(([partition, { end }]) => {
    const { next, mark } = states.get(partition) ?? { next: 0 };
    // A log that ends before the ledger has no record to compare.
    return mark === undefined || next > end ? [] : [[partition, mark] as const];
  });
  const beginnings = new Map(ranges.map(([partition, { beginning }]) => [partition, beginning]));
  const broken = await findBroken(kafka, topic, new Map(marks), beginnings, clock);
  return ranges.map(([partition, { beginning, end }]) => {
    const known = states.get(partition);
    const opening = openingOf(known, { beginning, end, isBroken: broken.has(partition) }, settings.acceptLost);
    return { partition, end, ...outcomeOf(opening, known ?? { first: 0, next: 0, blocks: 0 }) };
  });
}

const outcomeOf = (opening: Opening, known: LedgerState): Pick<Opened, 'state' | 'problem' | 'lost'> =>
  'problem' in opening
    ? { state: known, problem: opening.problem, lost: false }
    : { state: opening.state, problem: null, lost: opening.lost };
