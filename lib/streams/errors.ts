import { messageOf } from '../kafka/errors.ts';
import type { FailingPart } from '../telemetry/index.ts';

/** A topology threw an error when a deadline fired, or did not change the entry. */
export class DeadlineFailedError extends Error {
  override readonly name = 'DeadlineFailedError';
  constructor(cause: unknown) {
    super(`a deadline that fires at this record fails: ${messageOf(cause)}`, { cause });
  }
}

/** The topology threw an error on a record. It will do so every time, because a topology is deterministic. */
export class RecordFailedError extends Error {
  override readonly name = 'RecordFailedError';
  readonly part: FailingPart;
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
    cause: unknown,
  ) {
    super(`${topic}[${partition}], offset ${offset}: ${messageOf(cause)}`, { cause });
    this.part = cause instanceof DeadlineFailedError ? 'deadline' : 'record';
  }
}

/**
 * A record of the changelog cannot be restored: it is damaged, or a newer release wrote it. `offset` is that of the
 * changelog. The key is not named: it may be personal data.
 */
export class UnusableStateError extends Error {
  override readonly name = 'UnusableStateError';
  constructor(
    changelog: string,
    partition: number,
    readonly offset: number,
    cause: unknown,
  ) {
    super(`${changelog}[${partition}], offset ${offset}: ${messageOf(cause)}`, { cause });
  }
}

/** A defect of the runtime. Continuing could lose something or count it twice, so the task is closed. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an InvariantError when `holds` is false. */
export function assertInvariant(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new InvariantError(message());
}

/** Ends every wait of a task that is closing. It is not a failure. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';
}
