import type { Clock } from '../clock/index.ts';
import { readToEnd } from '../kafka/read-to-end.ts';
import type { Kafka, KafkaRecord } from '../kafka/types.ts';
import { changelogOf } from '../topics.ts';
import { decodeChange, isReflected } from './changelog.ts';
import { UnusableStateError } from './errors.ts';
import { uncoveredState, type Input, type StartingPoint } from './starting-point.ts';
import type { TaskCore } from './task-core.ts';

/** The rules of restoring state. Both are on in the product; a test turns each off to show what it prevents. */
export interface RestoreRules {
  isolation: 'read_committed' | 'read_uncommitted';
  /** Drop entries that reflect input at or past the committed offset. */
  dropUnreflected: boolean;
}

export const RESTORE_RULES: RestoreRules = { isolation: 'read_committed', dropUnreflected: true };

const IDLE_MAX_MS = 30_000;

export interface Restored {
  entries: number;
  dropped: number;
}

/** A committed entry of the changelog reflects input that the group's committed offset does not cover. */
class UncoveredStateError extends Error {
  override readonly name = 'UncoveredStateError';
}

export interface RestoreOptions {
  kafka: Kafka;
  /** The group of the input names the changelog. */
  input: Input;
  start: StartingPoint;
  rules: RestoreRules;
  clock: Clock;
  isCancelled: () => boolean;
}

/**
 * Reads a partition of the changelog into a task, up to what it holds now. Throws what
 * `uncoveredState` makes of a changelog that is ahead of the committed offset, an UnusableStateError for an entry that cannot be read, and an Error when
 * `isCancelled` returns true.
 */
export async function restoreState(
  options: RestoreOptions,
  core: Pick<TaskCore<unknown>, 'restore'>,
): Promise<Restored> {
  const { kafka, input, start } = options;
  try {
    return await readChangelog(options, core);
  } catch (error) {
    throw error instanceof UncoveredStateError ? await uncoveredState(kafka, input, start, error) : error;
  }
}

async function readChangelog(options: RestoreOptions, core: Pick<TaskCore<unknown>, 'restore'>): Promise<Restored> {
  const { kafka, input, rules, clock, isCancelled } = options;
  const { partition } = input;
  const changelog = changelogOf(input.groupId);
  const ranges = new Map([[partition, await kafka.rangeOf(changelog, partition)]]);
  const restored: Restored = { entries: 0, dropped: 0 };
  const reading = { isolation: rules.isolation, maxPartitionBytes: 4 << 20, clock, idleMaxMs: IDLE_MAX_MS };
  for await (const { records } of readToEnd(kafka, { topic: changelog, ranges, ...reading })) {
    if (isCancelled()) throw new Error('closed while restoring');
    for (const record of records) {
      if (restoreRecord(record, options, core)) restored.entries++;
      else restored.dropped++;
    }
  }
  return restored;
}

/** Returns whether the entry counts. */
function restoreRecord(
  record: KafkaRecord,
  options: RestoreOptions,
  core: Pick<TaskCore<unknown>, 'restore'>,
): boolean {
  const { input, start, rules } = options;
  try {
    const entry = decodeChange(record);
    const isCovered = start.committed !== null && isReflected(entry, start.position);
    // Offset and state are committed in one transaction: neither is ever there without the other.
    if (!isCovered && rules.isolation === 'read_committed') {
      throw new UncoveredStateError(`the state reflects offset ${entry.position.offset} of the input`);
    }
    if (!isCovered && rules.dropUnreflected) return false;
    core.restore(entry.key, entry.value);
    return true;
  } catch (error) {
    if (error instanceof UncoveredStateError) throw error;
    throw new UnusableStateError(changelogOf(input.groupId), input.partition, record.offset, error);
  }
}
