import { MAX_RECORD_BYTES } from '../kafka/limits.ts';
import { changelogOf, type TopicName } from '../topics.ts';
import { nextLogTime } from './clock.ts';
import { DueIndex } from './due-index.ts';
import { assertInvariant } from './errors.ts';
import { isBefore, type Checkpoint, type Position } from './position.ts';
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

interface Written {
  position: Position;
  bytes: number;
}

export const START: Checkpoint = { position: { offset: 0, step: 0 }, logTimeMs: 0 };

/**
 * One partition of a topology, without a broker: log time, deadlines, state and effects. Both the runtime and the
 * TestDriver use it, so that tests run the same code.
 */
export class TaskCore<I> {
  private readonly due = new DueIndex();
  private outputs: OutputRecord[] = [];
  private written = new Map<string, Written>();
  private bytes = 0;
  private readonly context: { logTimeMs: number; offset: number; readonly store: Store; forward: Context['forward'] };
  private current: InputRecord<I> | null = null;
  /** Written in place of the current record's outputs when it is skipped; null when it is folded. */
  private substitute: readonly OutputRecord[] | null = null;
  private offset: number;
  private step: number;

  constructor(
    private readonly topology: Topology<I>,
    checkpoint: Checkpoint = START,
    private readonly store: StateStore = new MemoryStore(),
  ) {
    this.offset = checkpoint.position.offset;
    this.step = checkpoint.position.step;
    this.context = {
      logTimeMs: checkpoint.logTimeMs,
      offset: this.offset,
      store: {
        get: (key) => store.get(key),
        put: (key, value) => this.put(key, value),
        delete: (key) => this.remove(key),
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

  get earliestDueMs(): number | undefined {
    return this.due.first()?.dueMs;
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
    this.due.set(key, value === null ? undefined : this.topology.state.dueOf(value));
  }

  /** Log time after the record `value`, Unix milliseconds. */
  logTimeAfter(value: I, appendTimeMs: number): number {
    return nextLogTime(this.context.logTimeMs, this.topology.input.clock(value, appendTimeMs), appendTimeMs);
  }

  /**
   * Begins a record and advances log time; then call `advance` until it is done. A record that is skipped comes with a
   * `substitute`: it moves log time and fires deadlines, but is not folded, and the substitute is written in its place.
   */
  begin(record: InputRecord<I>, appendTimeMs: number, substitute: readonly OutputRecord[] | null = null): void {
    assertInvariant(this.current === null, () => 'the previous record is not done');
    assertInvariant(record.offset >= this.offset, () => `offset ${record.offset} is done already`);
    const logTimeMs = this.logTimeAfter(record.value, appendTimeMs);
    assertInvariant(logTimeMs >= this.context.logTimeMs, () => `log time goes back to ${logTimeMs}`);
    if (record.offset > this.offset) {
      this.offset = record.offset;
      this.step = 0;
    }
    this.current = record;
    this.substitute = substitute;
    this.context.offset = record.offset;
    this.context.logTimeMs = logTimeMs;
  }

  /**
   * Fires deadlines that are due, then folds the record. Stops early when `limits` are reached; returns whether the
   * record is done.
   */
  advance(limits: Limits): boolean {
    const record = this.current;
    if (record === null) return true;
    const { topology, context } = this;
    for (;;) {
      const first = this.due.first();
      if (first === undefined || first.dueMs >= context.logTimeMs || topology.onDue === undefined) break;
      if (this.isFull(limits)) return false;
      const { key, dueMs } = first;
      topology.onDue(key, context);
      const next = this.due.first();
      if (next !== undefined && next.key === key && next.dueMs === dueMs) {
        // The key may be personal data.
        throw new Error(`${topology.name}: an entry is still due at ${dueMs} after its deadline fired`);
      }
      this.step++;
    }
    if (this.substitute === null) topology.process(record, context);
    else this.write(this.substitute);
    this.current = null;
    this.skipTo(record.offset + 1);
    return true;
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
  }

  /** Whether the collected effects have reached the limits of one transaction. */
  isFull({ effects, bytes }: Limits): boolean {
    return this.outputs.length + this.written.size >= effects || this.bytes >= bytes;
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
    this.store.put(key, value);
    this.due.set(key, this.topology.state.dueOf(value));
    this.note(key, key.length + value.length);
  }

  private remove(key: string): void {
    if (this.store.get(key) === undefined) return;
    this.store.delete(key);
    this.due.set(key, undefined);
    this.note(key, key.length);
  }

  private mustFit(topic: string, key: string, value: Buffer): void {
    const bytes = Buffer.byteLength(key) + value.length;
    if (bytes > MAX_RECORD_BYTES) throw new RecordTooLargeError(this.topology.name, this.offset, topic, bytes);
  }

  /** Only the last value of a key is written to the changelog. */
  private note(key: string, bytes: number): void {
    this.bytes += bytes - (this.written.get(key)?.bytes ?? 0);
    this.written.set(key, { position: this.position, bytes });
  }
}
