import { messageOf } from '../kafka/errors.ts';

/** The topology threw on a record. It always will: the same records give the same result. */
export class RecordFailedError extends Error {
  override readonly name = 'RecordFailedError';
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
    cause: unknown,
  ) {
    super(`${topic}[${partition}], offset ${offset}: ${messageOf(cause)}`, { cause });
  }
}

/** The runtime itself is wrong. Continuing could count something twice or lose it, so the task is dropped. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** Throws an InvariantError when `holds` is false. */
export function assertInvariant(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new InvariantError(message());
}

/** Ends whatever a closing task waits for; not a failure. */
export class ClosedError extends Error {
  override readonly name = 'ClosedError';
}
