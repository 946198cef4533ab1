import { messageOf } from '../kafka/errors.ts';

/** The topology itself broke on a record: it will again, as the same records give the same. */
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
