import type { TopicName } from '../topics.ts';

/**
 * The time that a record carries, in Unix milliseconds. An external record carries the clock of the process that wrote
 * it: log time follows the broker's append time, but at most 60 s beyond that clock. An internal record carries the log
 * time of the record that caused it, which becomes log time unchanged.
 */
export type RecordClock = { producerClockMs: number } | { causeMs: number };

/** One input record as a topology sees it. */
export interface InputRecord<I> {
  key: string;
  value: I;
  offset: number;
  partition: number;
}

/** A record that is skipped, as stored in the log; `decode` may fail on it. */
export interface SkippedRecord {
  topic: TopicName;
  partition: number;
  offset: number;
  key: string;
  value: Buffer | null;
  /** The broker's append time, Unix milliseconds. */
  appendTimeMs: number;
  /**
   * A state entry whose deadline failed at this record, and that was removed. If left out, the record itself was
   * skipped.
   */
  entry?: { key: string; value: Buffer };
}

/** The state of one partition, as `process` and `onDue` see it. Reads see this record's own writes. */
export interface Store {
  /** The stored bytes: a later put does not change them. Do not write to them. */
  get(key: string): Buffer | undefined;
  /** Copies the value. Throws RecordTooLargeError for an entry that is too large for the changelog. */
  put(key: string, value: Buffer): void;
  delete(key: string): void;
  /**
   * The entries whose keys begin with `prefix`, from the key `from` on if it is given, in the order of their UTF-16 code
   * units. Entries may be written meanwhile: those behind the current one are seen as they are then. Throws an Error for
   * a prefix that is within none of `state.scanned`.
   */
  scan(prefix: string, from?: string): IterableIterator<[string, Buffer]>;
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
   * RecordTooLargeError for a record that is too large for a topic, and an Error for a topic that is not one of the
   * outputs.
   */
  forward(topic: TopicName, key: string, value: Buffer): void;
}

/**
 * A deterministic fold of one topic, partition by partition: the same records give the same outputs and the same state,
 * independent of the wall clock. Everything that changes its result must be a record of its input.
 */
export interface Topology<I> {
  /** Names the group `<prefix><name>` and the changelog `<prefix><name>-changelog`. */
  name: string;
  input: {
    topic: TopicName;
    /**
     * Throws UnknownSchemaError, after which the runtime loads the schema and retries, or another error for an
     * unreadable value.
     */
    decode(value: Buffer): I;
    clock(record: I, appendTimeMs: number): RecordClock;
  };
  outputs: readonly TopicName[];
  state: {
    /**
     * The deadline of this state entry, Unix milliseconds; undefined for none. Called on every put. A negative number
     * means at once: within the record that put the entry, after its fold (see `onDue`).
     */
    dueOf(value: Buffer, key: string): number | undefined;
    /** Prefixes of keys that `Store.scan` can be asked for. The keys under them are kept in order, at some cost. */
    scanned?: readonly string[];
  };
  /** For a topology with deadlines: a record of the input topic that carries nothing but a time. */
  tick?: { encode(nowMs: number): { key: string; value: Buffer } };
  /**
   * The record that is written to `dead-letters` in place of one that an operator has skipped, with the operator's
   * reason. If left out, nothing is written. It must not throw, not even for a corrupt record.
   */
  deadLetter?(record: SkippedRecord, reason: string): { key: string; value: Buffer };
  /** Folds one record. Synchronous; it must not read any clock but the context's. */
  process(record: InputRecord<I>, context: Context): void;
  /**
   * Called for every entry whose due time has passed (log time > due), in (due, key) order, before the record that
   * advanced log time is folded. It must change the entry so that it is due later or not at all.
   *
   * Entries that are due at once (negative) are handled in the same order: before any other deadline if a deadline put
   * them, else after the fold of the record and before the next record. So work that is too large for one step is split:
   * a step does a part of it, and puts an entry with what is left, which may stay due at once as long as it changes.
   * Transactions may be committed between two steps; what is emitted does not depend on where.
   */
  onDue?(key: string, context: Context): void;
}
