import { MAX_RECORD_BYTES } from '../kafka/limits.ts';
import { changelogOf, type TopicName } from '../topics.ts';
import { nextLogTime } from './clock.ts';
import { DueIndex } from './due-index.ts';
import { DeadlineFailedError, assertInvariant } from './errors.ts';
import { isBefore, type Checkpoint, type Position } from './position.ts';
import { Savepoint, type Written } from './savepoint.ts';
import { ScannableStore } from './scannable-store.ts';
import { MemoryStore, type StateStore } from './state-store.ts';
import type { Context, InputRecord, Store, Topology } from './topology.ts';

export interface OutputRecord {
  topic: TopicName;
  key: string;
  value: Buffer;
}

/** The last write of a key since the effects were last taken; null for a deletion. */
export interface Change {
  value: Buffer | null;
  /** The input that the value reflects. */
  position: Position;
}

export interface Effects {
  outputs: OutputRecord[];
  changes: Map<string, Change>;
}

/** How much may be collected before it is written. */
export interface Limits {
  /** Number of outputs and of keys that changed. */
  effects: number;
  /** Total size of their keys and values. */
  bytes: number;
  /** Whether the work has taken long enough. If left out, time does not matter. */
  isTimeUp?(): boolean;
}

/** An operator's order to skip a record, as the core carries it out. */
export interface Skipping {
  /** Written in place of what the record would give; null when the record is folded all the same. */
  record: readonly OutputRecord[] | null;
  /** What is written for an entry whose deadline fails at this record. The entry is removed. */
  ofEntry(key: string, value: Buffer): readonly OutputRecord[];
}

/** A topology created a record that is too large for any topic. Handling the input again would create it again. */
export class RecordTooLargeError extends Error {
  /** The key is left out because it may be personal data; the input's offset identifies the record. */
  constructor(topology: string, offset: number, topic: string, bytes: number) {
    super(
      `${topology}, input offset ${offset}: a record of ${bytes} bytes for ${topic}; at most ${MAX_RECORD_BYTES} fit`,
    );
    this.name = 'RecordTooLargeError';
  }
}

export const START: Checkpoint = { position: { offset: 0, step: 0 }, logTimeMs: 0 };

/**
 * One partition of a topology, without a broker: log time, deadlines, state and effects. Both the runtime and the
 * TestDriver use it, so that tests run the same code.
 */
export class TaskCore<I> {
  private readonly store: StateStore;
  private readonly due = new DueIndex();
  private outputs: OutputRecord[] = [];
  private written = new Map<string, Written>();
  private bytes = 0;
  private readonly context: { logTimeMs: number; offset: number; readonly store: Store; forward: Context['forward'] };
  private current: InputRecord<I> | null = null;
  /** Null when the current record is not skipped. */
  private skipping: Skipping | null = null;
  private offset: number;
  private step: number;
  private folded: boolean;
  /** What the deadline in hand has changed, while it may have to be undone. */
  private savepoint: Savepoint | null = null;

  constructor(
    private readonly topology: Topology<I>,
    checkpoint: Checkpoint = START,
    stored: StateStore = new MemoryStore(),
  ) {
    const { scanned = [] } = topology.state;
    const scannable = new ScannableStore(stored, scanned);
    const store = scanned.length === 0 ? stored : scannable;
    this.store = store;
    this.offset = checkpoint.position.offset;
    this.step = checkpoint.position.step;
    this.folded = checkpoint.isFolded ?? false;
    this.context = {
      logTimeMs: checkpoint.logTimeMs,
      offset: this.offset,
      store: {
        get: (key) => store.get(key),
        put: (key, value) => this.put(key, value),
        delete: (key) => this.remove(key),
        scan: (prefix, from) => scannable.scan(prefix, from),
      },
      forward: (topic, key, value) => this.forward(topic, key, value),
    };
  }

  get logTimeMs(): number {
    return this.context.logTimeMs;
  }

  /** What has been done so far, including effects that were not taken yet. */
  get position(): Position {
    return { offset: this.offset, step: this.step };
  }

  /** Whether the record at the position is folded, and only entries that it has made due at once are left of it. */
  get isFolded(): boolean {
    return this.folded;
  }

  /** An entry that is due at once counts as due at the current log time. */
  get earliestDueMs(): number | undefined {
    const dueMs = this.due.first()?.dueMs;
    return dueMs !== undefined && dueMs < 0 ? this.context.logTimeMs : dueMs;
  }

  get entries(): number {
    return this.store.size;
  }

  state(): IterableIterator<[string, Buffer]> {
    return this.store.entries();
  }

  /** Restores an entry of the changelog. It has no effects. */
  restore(key: string, value: Buffer | null): void {
    if (value === null) this.store.delete(key);
    else this.store.put(key, value);
    this.due.set(key, value === null ? undefined : this.topology.state.dueOf(value, key));
  }

  /** Log time after the record `value`, Unix milliseconds. */
  logTimeAfter(value: I, appendTimeMs: number): number {
    return nextLogTime(this.context.logTimeMs, this.topology.input.clock(value, appendTimeMs), appendTimeMs);
  }

  /**
   * Begins a record and advances log time; then call `advance` until it is done. A record that is skipped moves log time
   * and fires deadlines all the same.
   */
  begin(record: InputRecord<I>, appendTimeMs: number, skipping: Skipping | null = null): void {
    assertInvariant(this.current === null, () => 'the previous record is not done');
    assertInvariant(record.offset >= this.offset, () => `offset ${record.offset} is done already`);
    const logTimeMs = this.logTimeAfter(record.value, appendTimeMs);
    assertInvariant(logTimeMs >= this.context.logTimeMs, () => `log time goes back to ${logTimeMs}`);
    this.skipTo(record.offset);
    this.current = record;
    this.skipping = skipping;
    this.context.offset = record.offset;
    this.context.logTimeMs = logTimeMs;
  }

  /**
   * Fires the deadlines that have passed, folds the record, then fires what is due at once. Stops early when `limits`
   * are reached; returns whether the record is done. Throws what the topology throws, for a deadline as the cause of a
   * DeadlineFailedError.
   */
  advance(limits: Limits): boolean {
    const record = this.current;
    if (record === null) return true;
    if (!this.folded) {
      if (!this.fire(this.context.logTimeMs, limits)) return false;
      const substitute = this.skipping?.record ?? null;
      if (substitute === null) this.topology.process(record, this.context);
      else this.write(substitute);
      this.step++;
      this.folded = true;
    }
    if (!this.fire(0, limits)) return false;
    this.current = null;
    this.skipTo(record.offset + 1);
    return true;
  }

  /** Fires what is due before `beforeMs`; returns whether nothing is left of it. */
  private fire(beforeMs: number, limits: Limits): boolean {
    for (let first = this.due.first(); first !== undefined && first.dueMs < beforeMs; first = this.due.first()) {
      if (this.topology.onDue === undefined) break;
      if (this.isFull(limits)) return false;
      if (this.skipping === null) this.fireOne(first.key, first.dueMs);
      else this.fireOrRemove(first.key, first.dueMs, this.skipping);
      this.step++;
    }
    return true;
  }

  private fireOne(key: string, dueMs: number): void {
    const { topology, store, due } = this;
    const before = dueMs < 0 ? store.get(key) : undefined;
    try {
      topology.onDue?.(key, this.context);
    } catch (error) {
      throw new DeadlineFailedError(error);
    }
    const next = due.first();
    if (next?.key !== key || next.dueMs !== dueMs) return;
    // An entry that is due at once may continue its work in the next step; a deadline is over once it has fired.
    if (dueMs < 0 && before !== undefined && store.get(key)?.equals(before) === false) return;
    // The key may be personal data.
    throw new DeadlineFailedError(
      new Error(`${topology.name}: an entry is still due at ${dueMs}, unchanged, after its deadline fired`),
    );
  }

  /** At a skipped record, an entry whose deadline fails is removed, with all that the deadline has changed. */
  private fireOrRemove(key: string, dueMs: number, skipping: Skipping): void {
    const value = this.store.get(key) ?? Buffer.alloc(0);
    this.savepoint = new Savepoint(this.outputs.length, this.bytes);
    try {
      this.fireOne(key, dueMs);
      this.savepoint = null;
    } catch (error) {
      if (!(error instanceof DeadlineFailedError)) throw error;
      this.rollBack();
      this.remove(key);
      this.write(skipping.ofEntry(key, value));
    }
  }

  private rollBack(): void {
    const { savepoint, store, written, topology } = this;
    this.savepoint = null;
    if (savepoint === null) return;
    for (const [key, { value, written: before }] of savepoint.entries) {
      if (value === undefined) store.delete(key);
      else store.put(key, value);
      this.due.set(key, value === undefined ? undefined : topology.state.dueOf(value, key));
      if (before === undefined) written.delete(key);
      else written.set(key, before);
    }
    this.outputs.length = savepoint.outputs;
    this.bytes = savepoint.bytes;
  }

  /** Skips a record that cannot be decoded, and writes `substitute` in its place. */
  skip(offset: number, substitute: readonly OutputRecord[]): void {
    assertInvariant(this.current === null, () => 'the previous record is not done');
    this.skipTo(offset);
    this.write(substitute);
    this.skipTo(offset + 1);
  }

  private write(outputs: readonly OutputRecord[]): void {
    for (const { topic, key, value } of outputs) this.forward(topic, key, value);
  }

  /** Advances to `offset` without handling the records before it. */
  skipTo(offset: number): void {
    if (offset <= this.offset) return;
    this.offset = offset;
    this.step = 0;
    this.folded = false;
  }

  /** Whether the collected effects have reached the limits of one transaction; never while there are none. */
  isFull({ effects, bytes, isTimeUp }: Limits): boolean {
    const count = this.outputs.length + this.written.size;
    return count > 0 && (count >= effects || this.bytes >= bytes || isTimeUp?.() === true);
  }

  /** Returns the effects since the last call. */
  takeEffects(): Effects {
    const { outputs, written, store } = this;
    const changes = new Map<string, Change>();
    for (const [key, { position }] of written) {
      // The rule that restoring relies on: exactly the committed entries reflect input before the committed position.
      assertInvariant(
        isBefore(position, this.position),
        () => `a change at ${position.offset} is not before the commit`,
      );
      changes.set(key, { value: store.get(key) ?? null, position });
    }
    this.outputs = [];
    this.written = new Map();
    this.bytes = 0;
    return { outputs, changes };
  }

  private forward(topic: TopicName, key: string, value: Buffer): void {
    const { name, outputs } = this.topology;
    if (!outputs.includes(topic)) throw new Error(`${name} does not write ${topic}: it is not one of its outputs`);
    this.mustFit(topic, key, value);
    this.outputs.push({ topic, key, value });
    this.bytes += key.length + value.length;
  }

  private put(key: string, value: Buffer): void {
    this.mustFit(changelogOf(this.topology.name), key, value);
    this.savepoint?.keep(key, this.store, this.written);
    this.store.put(key, value);
    this.due.set(key, this.topology.state.dueOf(value, key));
    this.note(key, key.length + value.length);
  }

  private remove(key: string): void {
    if (this.store.get(key) === undefined) return;
    this.savepoint?.keep(key, this.store, this.written);
    this.store.delete(key);
    this.due.set(key, undefined);
    this.note(key, key.length);
  }

  private mustFit(topic: string, key: string, value: Buffer): void {
    // UTF-8 has at most three bytes for each code unit: nearly all keys need not be measured.
    if (3 * key.length + value.length <= MAX_RECORD_BYTES) return;
    const bytes = Buffer.byteLength(key) + value.length;
    if (bytes > MAX_RECORD_BYTES) throw new RecordTooLargeError(this.topology.name, this.offset, topic, bytes);
  }

  /** Only the last value of a key is written to the changelog. */
  private note(key: string, bytes: number): void {
    this.bytes += bytes - (this.written.get(key)?.bytes ?? 0);
    this.written.set(key, { position: this.position, bytes });
  }
}
