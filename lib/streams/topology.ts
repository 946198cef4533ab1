import type { TopicName } from '../topics.ts';

/**
 * What a record says about time. An outside record carries the clock of the process that wrote it: the log's clock
 * may follow the broker's append time no further than 60 s past that clock. An inside record carries the log time of
 * the record that caused it, and the log's clock takes it as it is. Unix milliseconds.
 */
export type RecordClock = { producerClockMs: number } | { causeMs: number };

/** One input record as a topology sees it. */
export interface InputRecord<I> {
  key: string;
  value: I;
  offset: number;
  partition: number;
}

/** A record that is skipped, as it is in the log; it may be the one that `decode` cannot handle. */
export interface SkippedRecord {
  topic: TopicName;
  partition: number;
  offset: number;
  key: string;
  value: Buffer | null;
  /** The broker's append time, Unix milliseconds. */
  appendTimeMs: number;
}

/** The state of one partition, as `process` and `onDue` see it. Reads see this record's own writes. */
export interface Store {
  /** The stored bytes: a later put does not change them. Do not write to them. */
  get(key: string): Buffer | undefined;
  /** Copies the value. Throws RecordTooLargeError for what the changelog would not take. */
  put(key: string, value: Buffer): void;
  delete(key: string): void;
}

/** What a topology may read and do while it handles a record or a deadline. */
export interface Context {
  /** Log time, Unix milliseconds: that of the current record, also while the deadlines fire that it made due. */
  readonly logTimeMs: number;
  /** Offset of the current record. */
  readonly offset: number;
  readonly store: Store;
  /**
   * Appends to one of the topology's outputs, in the same transaction as the input's offset and the state. Throws
   * RecordTooLargeError for what no topic takes, and an Error for a topic that is not one of the outputs.
   */
  forward(topic: TopicName, key: string, value: Buffer): void;
}

/**
 * A deterministic fold of one topic, partition by partition: the same records give the same outputs and the same
 * state, whatever the wall clock says. Whatever changes its result is a record of its input.
 */
export interface Topology<I> {
  /** Names the group `<prefix><name>` and the changelog `<prefix><name>-changelog`. */
  name: string;
  input: {
    topic: TopicName;
    /** Throws UnknownSchemaError (the runtime loads the schema and tries again) or an error for what is unreadable. */
    decode(value: Buffer): I;
    clock(record: I, appendTimeMs: number): RecordClock;
  };
  outputs: readonly TopicName[];
  state: {
    /** The deadline of this state entry, Unix milliseconds; undefined for none. Called on every put. */
    dueOf(value: Buffer): number | undefined;
  };
  /** For a topology with deadlines: a record of the input topic that carries nothing but a time. */
  tick?: { encode(nowMs: number): { key: string; value: Buffer } };
  /**
   * The record that is written to `dead-letters` in place of one that an operator has skipped, with the operator's
   * reason. Left out: nothing is written. It must not throw, whatever the record holds.
   */
  deadLetter?(record: SkippedRecord, reason: string): { key: string; value: Buffer };
  /** Folds one record. Synchronous; it must not read any clock but the context's. */
  process(record: InputRecord<I>, context: Context): void;
  /**
   * Called for every entry whose due time the log's clock has passed (log time > due), in (due, key) order, before the
   * record that moved the clock. It must change the entry so that it is due later or not at all.
   */
  onDue?(key: string, context: Context): void;
}
