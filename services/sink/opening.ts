import { systemClock } from '../../lib/clock/index.ts';
import { findBroken } from '../../lib/kafka/continuity.ts';
import { openingOf, type Opening } from './cursor.ts';
import type { TopicConsumerOptions } from './topic-consumer-options.ts';
import type { LedgerState } from './ledger.ts';

/** What was found out about one partition before it is read. */
export interface Opened {
  partition: number;
  /** What the ledger says; where it says nothing, the beginning of the log. */
  state: LedgerState;
  /** High watermark. */
  end: number;
  /** Why it cannot be read on, or null. */
  problem: string | null;
  /** Records were deleted that the sink never saw, and it goes on all the same. */
  lost: boolean;
}

/**
 * Holds partitions against their ledgers. Insists on the ledger until `wanted` is aborted, then returns null; throws
 * what Kafka throws.
 */
export const openPartitions = async <M>(
  { kafka, content, ledger, writer, settings }: TopicConsumerOptions<M>,
  partitions: readonly number[],
  wanted: AbortSignal,
): Promise<Opened[] | null> => {
  if (partitions.length === 0) return [];
  let states: Awaited<ReturnType<typeof ledger.read>> = new Map();
  const read = await writer.insist('ledger', wanted, async () => {
    states = await ledger.read(partitions);
  });
  if (!read) return null;
  const { topic } = content;
  const [beginnings, ends] = await Promise.all([kafka.beginningOffsets(topic), kafka.endOffsets(topic)]);
  const marks = [...states].flatMap(([partition, { next, mark }]) =>
    // Where the log ends too early there is nothing to look at.
    mark === undefined || next > (ends[partition] ?? 0) ? [] : [[partition, mark] as const],
  );
  const broken = await findBroken(kafka, topic, new Map(marks), beginnings, systemClock);
  return partitions.map((partition) => {
    const [beginning, end] = [beginnings[partition] ?? 0, ends[partition] ?? 0];
    const known = states.get(partition);
    const opening = openingOf(known, { beginning, end, isBroken: broken.has(partition) }, settings.acceptLost);
    return { partition, end, ...foundOf(opening, known ?? { first: 0, next: 0, blocks: 0 }) };
  });
};

const foundOf = (opening: Opening, known: LedgerState): Pick<Opened, 'state' | 'problem' | 'lost'> =>
  'problem' in opening
    ? { state: known, problem: opening.problem, lost: false }
    : { state: opening.state, problem: null, lost: opening.lost };
