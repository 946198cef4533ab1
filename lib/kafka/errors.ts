/** Kafka could not be reached, or did not answer in time; of a send the outcome is unknown. */
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

/** The offset to read is not in the log: retention took it, or the topic is another one than before. */
export class OffsetOutOfRangeError extends Error {
  override readonly name = 'OffsetOutOfRangeError';
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
  ) {
    super(`${topic}[${partition}]: offset ${offset} is not in the log`);
  }
}

/** Bytes in a reply that are no records. */
export class CorruptRecordError extends Error {
  override readonly name = 'CorruptRecordError';
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
