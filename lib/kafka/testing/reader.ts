import { Waker } from '../../clock/index.ts';
import { OffsetOutOfRangeError, type UnreadablePartitionError } from '../errors.ts';
import type { Batch, PartitionOffset, Reader, ReaderOptions } from '../types.ts';
import type { SimulatedLog } from './log.ts';
import type { Connection } from './simulated-kafka.ts';

interface Assigned {
  topic: string;
  partition: number;
  owner: object | undefined;
  position: number;
  paused: boolean;
  highWatermark: number;
  lastStableOffset: number;
  /** The number of the last reply that had records of this partition. */
  servedAt: number;
}

/** What a fetch found in one partition. */
interface Fetched extends Omit<Batch, 'owner'> {
  isOutOfRange: boolean;
}

const RETRY_PAUSE_MS = 50;
const MAX_RECORDS = 12;
const DEFAULT_MAX_BYTES = 8 << 20;

const keyOf = (topic: string, partition: number): string => `${topic}/${partition}`;

/** Behaves like the real reader: one fetch at a time. For partitions that were moved in the meantime, its reply is dropped. */
export class SimulatedReader implements Reader {
  private readonly assigned = new Map<string, Assigned>();
  private ready: Batch[] = [];
  private failure: UnreadablePartitionError | null = null;
  private isFetching = false;
  private replies = 0;
  private closed = false;
  private readonly waker: Waker;

  constructor(
    private readonly connection: Connection,
    private readonly options: ReaderOptions,
  ) {
    this.waker = new Waker(connection.process.clock);
  }

  assign(partitions: readonly PartitionOffset[]): void {
    this.assigned.clear();
    this.ready = [];
    this.failure = null;
    for (const partition of partitions) this.seek(partition);
  }

  seek({ topic, partition, offset, owner }: PartitionOffset): void {
    const key = keyOf(topic, partition);
    this.forget(key);
    const watermarks = { highWatermark: -1, lastStableOffset: -1 };
    this.assigned.set(key, { topic, partition, owner, position: offset, paused: false, ...watermarks, servedAt: 0 });
    this.waker.wake();
  }

  remove(topic: string, partition: number, owner?: object): void {
    const key = keyOf(topic, partition);
    if (owner !== undefined && this.assigned.get(key)?.owner !== owner) return;
    this.assigned.delete(key);
    this.forget(key);
  }

  private forget(key: string): void {
    this.ready = this.ready.filter((batch) => keyOf(batch.topic, batch.partition) !== key);
    const { failure } = this;
    if (failure !== null && keyOf(failure.topic, failure.partition) === key) this.failure = null;
  }

  pause(topic: string, partition: number): void {
    const entry = this.assigned.get(keyOf(topic, partition));
    if (entry !== undefined) entry.paused = true;
  }

  resume(topic: string, partition: number): void {
    const entry = this.assigned.get(keyOf(topic, partition));
    if (entry === undefined) return;
    entry.paused = false;
    this.waker.wake();
  }

  async poll(maxWaitMs: number): Promise<Batch[]> {
    const { clock } = this.connection.process;
    const deadlineMs = clock.elapsedMs() + maxWaitMs;
    while (!this.closed && this.ready.length === 0 && this.failure === null) {
      const leftMs = deadlineMs - clock.elapsedMs();
      if (leftMs <= 0) break;
      this.startFetch(maxWaitMs);
      await this.waker.sleep(leftMs);
    }
    const { failure } = this;
    if (failure !== null) {
      this.failure = null;
      throw failure;
    }
    return this.ready.splice(0);
  }

  private startFetch(maxWaitMs: number): void {
    const wanted = [...this.assigned.values()].filter(({ paused }) => !paused);
    if (this.isFetching || wanted.length === 0) return;
    this.isFetching = true;
    void this.fetch(wanted, maxWaitMs).finally(() => {
      this.isFetching = false;
      this.waker.wake();
    });
  }

  private async fetch(wanted: readonly Assigned[], maxWaitMs: number): Promise<void> {
    const { process, network } = this.connection;
    const asked = wanted.map((entry) => ({ entry, at: { ...entry } }));
    const positions = asked.map(({ at }) => at);
    try {
      const replies = await network.request(process, 'fetch', () => this.answer(positions, maxWaitMs));
      if (this.closed) return;
      this.replies++;
      replies.forEach((reply, i) => this.take(reply, asked[i]!.entry));
    } catch {
      await process.clock.sleep(RETRY_PAUSE_MS);
    }
  }

  /** The broker's side: returns what there is, or waits for records until the time is over. */
  private answer(positions: readonly Assigned[], maxWaitMs: number): Fetched[] | Promise<Fetched[]> {
    const { broker } = this.connection;
    const logs = positions.map(({ topic, partition }) => broker.log(topic, partition));
    const found = this.look(positions, logs);
    if (found.some(({ isOutOfRange, nextOffset }, i) => isOutOfRange || nextOffset > positions[i]!.position)) {
      return found;
    }
    return new Promise((resolve) => {
      const finish = (): void => {
        cancel();
        for (const log of logs) log.removeListener(onChange);
        resolve(this.look(positions, logs));
      };
      const onChange = (): void => {
        const isReadable = positions.some(({ position }, i) => position < this.endOf(logs[i]!));
        if (isReadable) finish();
        else for (const log of logs) log.onChange(onChange);
      };
      const cancel = broker.loop.schedule(maxWaitMs, 'fetch has waited', finish);
      for (const log of logs) log.onChange(onChange);
    });
  }

  private endOf(log: SimulatedLog): number {
    return this.options.isolation === 'read_committed' ? log.lastStableOffset : log.highWatermark;
  }

  private look(positions: readonly Assigned[], logs: readonly SimulatedLog[]): Fetched[] {
    const { random } = this.connection;
    const found = positions.map(({ topic, partition, position }, i): Fetched => {
      const log = logs[i]!;
      const { highWatermark, lastStableOffset } = log;
      const at = { topic, partition, highWatermark, lastStableOffset };
      if (!log.isInLog(position)) return { ...at, records: [], nextOffset: position, isOutOfRange: true };
      const read = log.read(position, this.options.isolation, 1 + random.below(MAX_RECORDS));
      return { ...at, ...read, isOutOfRange: false };
    });
    this.limit(found, positions);
    return found;
  }

  /** Like a broker: fills the reply partition by partition, beginning with those that were served longest ago. */
  private limit(found: readonly Fetched[], positions: readonly Assigned[]): void {
    const order = [...found.keys()].sort((a, b) => positions[a]!.servedAt - positions[b]!.servedAt);
    let leftBytes = this.options.maxBytes ?? DEFAULT_MAX_BYTES;
    for (const i of order) {
      const one = found[i]!;
      const { position } = positions[i]!;
      if (leftBytes <= 0) Object.assign(one, { records: [], nextOffset: position });
      for (const { value } of one.records) leftBytes -= value?.length ?? 0;
    }
  }

  private take({ isOutOfRange, ...fetched }: Fetched, entry: Assigned): void {
    const { topic, partition } = entry;
    if (this.assigned.get(keyOf(topic, partition)) !== entry) return;
    if (isOutOfRange) {
      this.failure ??= new OffsetOutOfRangeError(topic, partition, entry.position);
      return;
    }
    const { nextOffset, highWatermark, lastStableOffset } = fetched;
    const isNews =
      nextOffset > entry.position ||
      highWatermark !== entry.highWatermark ||
      lastStableOffset !== entry.lastStableOffset;
    if (!isNews) return;
    if (fetched.records.length > 0) entry.servedAt = this.replies;
    Object.assign(entry, { position: nextOffset, highWatermark, lastStableOffset });
    this.ready.push({ ...fetched, owner: entry.owner });
  }

  async close(): Promise<void> {
    this.closed = true;
    this.waker.wake();
    await Promise.resolve();
  }
}
