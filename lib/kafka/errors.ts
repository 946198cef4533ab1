/** Kafka could not be reached, or did not answer in time; the outcome of a send is unknown. */
export class KafkaUnavailableError extends Error {
  override readonly name = 'KafkaUnavailableError';
}

/** The send queue is full, and nothing was queued. Try again later. */
export class BackpressureError extends Error {
  override readonly name = 'BackpressureError';
}

/**
 * A newer producer uses this transactional id, or the broker aborted the transaction after its timeout. This producer
 * must not write any more.
 */
export class FencedError extends Error {
  override readonly name = 'FencedError';
}

/** A transaction failed; whether it was committed is known only after a new `init`, from the group's offsets. */
export class TransactionError extends Error {
  override readonly name = 'TransactionError';
}

/** The group has not confirmed that this process owns the partition. Nothing was sent. */
export class UnconfirmedError extends Error {
  override readonly name = 'UnconfirmedError';
}

/** One partition cannot be read from `offset` on. The other partitions are not affected. */
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

/** The offset to read is not in the log: retention has deleted it, or the topic was created again. */
export class OffsetOutOfRangeError extends UnreadablePartitionError {
  override readonly name = 'OffsetOutOfRangeError';
  constructor(topic: string, partition: number, offset: number) {
    super(topic, partition, offset, `offset ${offset} is not in the log`);
  }
}

/** The log at or soon after the offset is damaged, or in a format that is not supported. */
export class CorruptRecordError extends UnreadablePartitionError {
  override readonly name = 'CorruptRecordError';
  constructor(topic: string, partition: number, offset: number, cause: unknown) {
    super(topic, partition, offset, `what follows offset ${offset} cannot be read: ${messageOf(cause)}`, { cause });
  }
}

/**
 * The log is not the one that was read before: it ends before the offset that was reached, or has another record at the
 * offset of the last record. Continuing would skip new records unnoticed.
 */
export class BrokenContinuityError extends UnreadablePartitionError {
  override readonly name = 'BrokenContinuityError';
}

/** The topic does not exist. */
export class UnknownTopicError extends Error {
  override readonly name = 'UnknownTopicError';
}

/** The name of an error in Kafka's protocol, such as `UNKNOWN_MEMBER_ID`; undefined for other errors. */
export const kafkaErrorType = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'type' in error && typeof error.type === 'string'
    ? error.type
    : undefined;

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
