import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { findBroken } from '../kafka/continuity.ts';
import { BrokenContinuityError } from '../kafka/errors.ts';
import type { CommittedOffset, Kafka } from '../kafka/types.ts';
import { decodeCheckpoint, type Checkpoint } from './position.ts';
import { START } from './task-core.ts';

/** A partition of a topology's input, and the group whose committed offset is its progress. */
export interface Input {
  topology: string;
  groupId: string;
  topic: string;
  partition: number;
}

/** Where a task starts. */
export interface StartingPoint extends Checkpoint {
  /** What the group has committed; null when it has committed nothing. */
  committed: CommittedOffset | null;
}

/**
 * The offset and log time to start from. When retention has deleted records before they were processed, the loss is
 * logged and the task starts at the first record that is left. Throws a BrokenContinuityError when the log is not the
 * one whose records were handled.
 */
export async function startingPoint(kafka: Kafka, clock: Clock, input: Input, logger: Logger): Promise<StartingPoint> {
  const { topology, groupId, topic, partition } = input;
  // Read first: the log must not be read before the offset that it is compared with.
  const committed = (await kafka.committedOffsets(groupId, topic))[partition] ?? null;
  const { beginning, end } = await kafka.rangeOf(topic, partition);
  if (committed === null) return { ...START, position: { offset: beginning, step: 0 }, committed };
  const broken = (what: string): BrokenContinuityError =>
    new BrokenContinuityError(topic, partition, committed.offset, what);
  if (committed.offset > end) {
    throw broken(`the committed offset ${committed.offset} is past the end of the log, ${end}`);
  }
  const checkpoint = decodeCheckpoint(committed.offset, committed.metadata);
  const { mark } = checkpoint;
  if (
    mark !== undefined &&
    (await findBroken(kafka, topic, new Map([[partition, mark]]), new Map([[partition, beginning]]), clock)).size > 0
  ) {
    throw broken(`the record at offset ${mark.offset} is not the last one that was handled`);
  }
  if (committed.offset >= beginning) return { ...checkpoint, committed };
  const where = { topology, partition, committed: committed.offset, beginning, end };
  logger.error(where, 'records are lost: retention deleted them before they were processed');
  return { ...checkpoint, position: { offset: beginning, step: 0 }, isFolded: false, committed };
}

/**
 * The error for state that the committed offset does not cover: a BrokenContinuityError, as handling that input again
 * would count it twice and assign identifiers a second time; or an Error that a retry settles, when another process has
 * committed since `start` was read.
 */
export async function uncoveredState(kafka: Kafka, input: Input, start: StartingPoint, cause: Error): Promise<Error> {
  const { groupId, topic, partition } = input;
  const committed = (await kafka.committedOffsets(groupId, topic))[partition] ?? null;
  const before = start.committed?.offset ?? null;
  if ((committed?.offset ?? null) !== before) {
    return new Error('another process has committed while the state was restored', { cause });
  }
  const offset = before === null ? 'is lost' : `is ${before}`;
  const what =
    `the committed offset of group ${groupId} ${offset}, but ${cause.message}. Handling that input again would ` +
    'assign identifiers a second time: restore a backup of Kafka, or start with a new TOPIC_PREFIX and a new database';
  return new BrokenContinuityError(topic, partition, start.position.offset, what, { cause });
}
