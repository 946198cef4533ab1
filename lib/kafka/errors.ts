/** Kafka could not be reached, or did not answer in time; the outcome of a send is unknown. */
export class KafkaUnavailableError extends Error {
  override readonly name = 'KafkaUnavailableError';
}

/** Too much waits to be sent already: nothing was queued. Try again later. */
export class BackpressureError extends Error {
  override readonly name = 'BackpressureError';
}

/** A newer producer has this transactional id, or the broker gave the transaction up: this one may write no more. */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** A transaction failed; whether it was committed is known only after a new `init`, from the group's offsets. */
export class TransactionError extends Error {
  override readonly name = 'TransactionError';
}

/** One partition cannot be read from an offset on; the others of its topic can. */
export abstract class UnreadablePartitionError extends Error {
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
    what: string,
    options?: ErrorOptions,
  ) {
    super(`${topic}[${partition}]: ${what}`, options);
  }
}

/** The offset to read is not in the log: retention took it, or the topic is another one than before. */
export class OffsetOutOfRangeError extends UnreadablePartitionError {
  override readonly name = 'OffsetOutOfRangeError';
  constructor(topic: string, partition: number, offset: number) {
    super(topic, partition, offset, `offset ${offset} is not in the log`);
  }
}

/** What lies in the log at the offset, or soon after it, is damaged, or of a kind that is not read here. */
export class CorruptRecordError extends UnreadablePartitionError {
  override readonly name = 'CorruptRecordError';
  constructor(topic: string, partition: number, offset: number, cause: unknown) {
    super(topic, partition, offset, `what follows offset ${offset} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The log is not the one that was read before: it ends before what was read of it, or another record stands where the
 * last one stood. Continuing in it would skip new records unnoticed.
 */
export class BrokenContinuityError extends UnreadablePartitionError {
  override readonly name = 'BrokenContinuityError';
}

/** The topic does not exist. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError';
}

/** The name that Kafka's protocol gives to an error, as `UNKNOWN_MEMBER_ID`; undefined for other errors. */
export const kafkaErrorType = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string'
    ? error.type
    : undefined;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
