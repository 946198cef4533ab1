import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { findBroken } from '../kafka/continuity.ts';
import { BrokenContinuityError } from '../kafka/errors.ts';
import type { Kafka } from '../kafka/types.ts';
import { decodeCheckpoint, type Checkpoint } from './position.ts';
import { START } from './task-core.ts';

/** A partition of a topology's input, and the group that says how far it was handled. */
export interface Input {
  topology: string;
  groupId: string;
  topic: string;
  partition: number;
}

/**
 * Where to go on. What retention took before it was handled is lost: that is said, and what is there is handled. Throws
 * a BrokenContinuityError when the log is not the one whose records were handled.
 */
export async function startingPoint(kafka: Kafka, clock: Clock, input: Input, logger: Logger): Promise<Checkpoint> {
  const { topology, groupId, topic, partition } = input;
  const beginnings = await kafka.beginningOffsets(topic);
  const beginning = beginnings[partition] ?? 0;
  const end = (await kafka.endOffsets(topic))[partition] ?? 0;
  const committed = (await kafka.committedOffsets(groupId, topic))[partition] ?? null;
  if (committed === null) return { ...START, position: { offset: beginning, step: 0 } };
  const broken = (what: string): BrokenContinuityError =>
    new BrokenContinuityError(topic, partition, committed.offset, what);
  if (committed.offset > end) {
    throw broken(`the committed offset ${committed.offset} lies past the end of the log, ${end}`);
  }
  const checkpoint = decodeCheckpoint(committed.offset, committed.metadata);
  const { mark } = checkpoint;
  if (
    mark !== undefined &&
    (await findBroken(kafka, topic, new Map([[partition, mark]]), beginnings, clock)).size > 0
  ) {
    throw broken(`at offset ${mark.offset} stands another record than the last one that was handled`);
  }
  if (committed.offset >= beginning) return checkpoint;
  const where = { topology, partition, committed: committed.offset, beginning, end };
  logger.error(where, 'records were lost: retention took them before they were handled');
  return { ...checkpoint, position: { offset: beginning, step: 0 } };
}
