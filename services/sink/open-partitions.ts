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
  const [beginnings, ends] = await Promise.all([kafka.beginningOffsets(topic), kafka.endOffsets(topic)]);
  const marks = [...states].flatMap(([partition, { next, mark }]) =>
    // A log that ends before the ledger has no record to compare.
    mark === undefined || next > (ends[partition] ?? 0) ? [] : [[partition, mark] as const],
  );
  const broken = await findBroken(kafka, topic, new Map(marks), new Map(beginnings.entries()), clock);
  return partitions.map((partition) => {
    const [beginning, end] = [beginnings[partition] ?? 0, ends[partition] ?? 0];
    const known = states.get(partition);
    const opening = openingOf(known, { beginning, end, isBroken: broken.has(partition) }, settings.acceptLost);
    return { partition, end, ...outcomeOf(opening, known ?? { first: 0, next: 0, blocks: 0 }) };
  });
}

const outcomeOf = (opening: Opening, known: LedgerState): Pick<Opened, 'state' | 'problem' | 'lost'> =>
  'problem' in opening
    ? { state: known, problem: opening.problem, lost: false }
    : { state: opening.state, problem: null, lost: opening.lost };
