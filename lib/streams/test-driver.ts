import { deserialize, serialize } from 'node:v8';
import type { TopicName } from '../topics.ts';
import type { Checkpoint } from './position.ts';
import { START, TaskCore, type OutputRecord } from './task-core.ts';
import type { Topology } from './topology.ts';

type TakeOutputs = (outputs: readonly OutputRecord[]) => void;

interface PipeOptions {
  appendTimeMs: number;
  offset?: number;
  take?: TakeOutputs;
}

const LIMITS = { effects: 1_000, bytes: 8 << 20 };

/**
 * Runs one partition of a topology in memory, without a broker, on the same core as the runtime: pipe records in,
 * advance log time, read outputs and state.
 */
export class TestDriver<I> {
  private core: TaskCore<I>;
  private written: OutputRecord[] = [];

  constructor(
    private readonly topology: Topology<I>,
    private readonly partition = 0,
  ) {
    this.core = new TaskCore(topology);
  }

  /**
   * Appends a record to the input and handles it. A Buffer is decoded first. `appendTimeMs` is the broker's clock.
   * `offset`: that of the record in its log, which may have gaps; the next one if it is left out. With `take`, outputs go
   * there as they would go into a transaction each, and are not kept.
   * @throws RecordTooLargeError where Kafka would refuse what was made
   */
  pipe(key: string, value: I | Buffer, { appendTimeMs, offset = this.nextOffset, take }: PipeOptions): void {
    const decoded = Buffer.isBuffer(value) ? this.topology.input.decode(value) : value;
    this.core.begin({ key, value: decoded, offset, partition: this.partition }, appendTimeMs);
    while (!this.core.advance(LIMITS)) this.collect(take);
    this.collect(take);
  }

  /**
   * Advances log time by a tick, as the runtime does when no records arrive. Log time does not go back. `take` as in
   * `pipe`.
   */
  advance(logTimeMs: number, take?: TakeOutputs): void {
    const { tick, name } = this.topology;
    if (tick === undefined) throw new Error(`topology ${name} has no ticks: only records advance its log time`);
    const { key, value } = tick.encode(logTimeMs);
    this.pipe(key, value, { appendTimeMs: logTimeMs, ...(take === undefined ? {} : { take }) });
  }

  /** Everything that was forwarded to a topic, in order. */
  outputs(topic: TopicName): { key: string; value: Buffer }[] {
    return this.written.filter((o) => o.topic === topic).map(({ key, value }) => ({ key, value }));
  }

  clearOutputs(): void {
    this.written = [];
  }

  state(): Map<string, Buffer> {
    return new Map(this.core.state());
  }

  /** The state without a copy. */
  entries(): IterableIterator<[string, Buffer]> {
    return this.core.state();
  }

  get logTimeMs(): number {
    return this.core.logTimeMs;
  }

  /** Offset of the next record. */
  get nextOffset(): number {
    return this.core.position.offset;
  }

  get earliestDueMs(): number | undefined {
    return this.core.earliestDueMs;
  }

  /** State, position and clock, to be restored into any driver of the same topology. Outputs are not part of it. */
  snapshot(): Buffer {
    const { position, logTimeMs } = this.core;
    return serialize({ position, logTimeMs, entries: [...this.core.state()] });
  }

  restore(snapshot: Buffer): void {
    const { position, logTimeMs, entries } = deserialize(snapshot) as Checkpoint & { entries: [string, Uint8Array][] };
    this.core = new TaskCore(this.topology, { position, logTimeMs });
    for (const [key, value] of entries) this.core.restore(key, Buffer.from(value));
  }

  /** Resets the driver to its initial state. */
  reset(): void {
    this.core = new TaskCore(this.topology, START);
    this.written = [];
  }

  private collect(take?: TakeOutputs): void {
    const { outputs } = this.core.takeEffects();
    if (take !== undefined) take(outputs);
    else for (const output of outputs) this.written.push(output);
  }
}
