import type { Clock } from '../../clock/index.ts';
import { CorruptRecordError, FencedError, TransactionError, UnconfirmedError } from '../../kafka/errors.ts';
import type {
  Batch,
  CommittedOffset,
  GroupOptions,
  Kafka,
  KafkaRecord,
  Member,
  OutgoingRecord,
  PartitionOffset,
  Reader,
} from '../../kafka/types.ts';
import { TOPICS } from '../../topics.ts';
import { SKIPS_TOPIC } from '../skips.ts';
import { TEST_INPUT, encodeEvent } from '../testing.ts';

/** A promise that a test keeps back. */
export interface Gate {
  opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

const BATCH_RECORDS = 10;
/** How long a read takes. */
const READ_MS = 2;
/** How long a read of another log waits for something new. */
const IDLE_MS = 50;

/**
 * Kafka as far as the runtime's scheduling sees it, for tests that must decide what comes first: who holds which
 * partition, when an init or a commit ends and how. Its log is counting events, one key for each offset. Like the real
 * one it lets only the last holder of a transactional id commit, and breaks what is closed.
 */
export class ScriptedKafka {
  /** Everything that was done, in order, as `p0 init 1`. */
  readonly done: string[] = [];
  /** By partition. */
  readonly committed: (CommittedOffset | null)[];
  readonly ends: number[];
  /** Kept back by partition, once: the next init or commit that comes. */
  readonly inits = new Map<number, Gate>();
  readonly commits = new Map<number, Gate>();
  /** The next commit, by partition, ends like this. */
  readonly refusals = new Map<number, Error>();
  /** Whether a commit that ends with an error has taken effect. */
  refusedCommits = false;
  /** Called when a task is about to fence its predecessor. */
  onInit: () => void = () => undefined;
  readonly assigned = new Map<number, PartitionOffset>();
  /** The partition whose log cannot be read at the moment, past what was read already. */
  corrupt: number | null = null;
  /** How much later all records were appended than at first: another log, with the same offsets. */
  againMs = 0;
  /** While it is a list, what is read goes there and not to the runtime. */
  keptBack: Batch[] | null = null;
  /** Comes with the next poll, as it is. */
  late: Batch[] = [];
  /** The committed records of each partition of the changelog. */
  readonly changelogs: KafkaRecord[][];
  /** The topic of skipped records. */
  readonly skips: KafkaRecord[] = [];
  /** What was sent to the dead letters and committed. */
  readonly deadLetters: string[] = [];
  /** Bytes of the values of each transaction that was committed. */
  readonly sizes: number[] = [];
  /** Called when the committed offsets were read. */
  onCommittedRead: () => void = () => undefined;
  /** The end of this topic is asked for in vain. */
  silentTopic: string | null = null;
  rejoins = 0;
  ticks = 0;
  open = 0;
  private readonly lives: number[];
  private group!: GroupOptions;
  readonly member = {
    memberId: 'm',
    generation: -1,
    partitions: [] as number[],
    confirmedAtMs: 0,
    isConfirmed: true,
    rejoin: () => void this.rejoins++,
    leave: () => Promise.resolve(),
  };

  constructor(
    private readonly clock: Clock,
    private readonly partitions = 1,
  ) {
    this.committed = new Array<CommittedOffset | null>(partitions).fill(null);
    this.ends = new Array<number>(partitions).fill(0);
    this.changelogs = this.ends.map(() => []);
    this.lives = new Array<number>(partitions).fill(0);
  }

  /** A new generation gives all partitions to this process. */
  give(generation: number): void {
    const partitions = this.ends.map((_, partition) => partition);
    Object.assign(this.member, { generation, partitions });
    this.confirm();
    this.group.onAssigned(partitions, generation);
  }

  /** A heartbeat is answered. */
  confirm(): void {
    this.member.confirmedAtMs = this.clock.elapsedMs();
  }

  /** The member is thrown out of its group. */
  lose(): void {
    const lost = this.member.partitions;
    Object.assign(this.member, { generation: -1, partitions: [] });
    this.group.onLost(lost);
  }

  get port(): Kafka {
    const unused = (): never => {
      throw new Error('not of use here');
    };
    const zeros = this.ends.map(() => 0);
    const endOf = (topic: string, partition: number): number =>
      topic === TEST_INPUT ? this.ends[partition]! : this.logsOf(topic)[partition]!.length;
    return {
      topicPrefix: '',
      ensureTopics: () => Promise.resolve(),
      partitionsOf: () => Promise.resolve(this.partitions),
      endOffsets: (topic) =>
        topic === this.silentTopic
          ? new Promise(() => undefined)
          : Promise.resolve(topic === TEST_INPUT ? [...this.ends] : this.logsOf(topic).map(({ length }) => length)),
      beginningOffsets: () => Promise.resolve(zeros),
      rangeOf: (topic, partition) => Promise.resolve({ beginning: 0, end: endOf(topic, partition) }),
      endOf: (topic, partition) => Promise.resolve(endOf(topic, partition)),
      partitionFor: () => 0,
      createProducer: () => ({
        send: () => Promise.resolve(void this.ticks++),
        queuedBytes: 0,
        close: () => Promise.resolve(),
      }),
      createReader: () => this.reader(),
      joinGroup: (options): Member => {
        this.group = options;
        return this.member;
      },
      describeGroup: unused,
      committedOffsets: () => {
        const committed = [...this.committed];
        this.onCommittedRead();
        return Promise.resolve(committed);
      },
      transactional: (id) => this.transactional(Number(id.split('-').pop())),
      close: () => Promise.resolve(),
    };
  }

  private reader(): Reader {
    const { assigned } = this;
    /** Where an assigned reader is; null for the runtime's own reader, which seeks. */
    let looked: PartitionOffset[] | null = null;
    return {
      assign: (partitions) => void (looked = partitions.map((at) => ({ ...at }))),
      seek: (at) => void assigned.set(at.partition, { ...at }),
      remove: (_topic, partition, owner) => {
        looked = looked?.filter((at) => at.partition !== partition) ?? null;
        if (owner === undefined || assigned.get(partition)?.owner === owner) assigned.delete(partition);
      },
      pause: () => undefined,
      resume: () => undefined,
      poll: async () => {
        await this.clock.sleep(READ_MS);
        if (looked !== null) {
          const found = looked.flatMap((at) => (at.topic === TEST_INPUT ? [this.read(at)] : this.readLog(at)));
          if (found.length === 0) await this.clock.sleep(IDLE_MS);
          return found;
        }
        const readable = [...assigned.values()].filter((a) => a.offset < this.ends[a.partition]!);
        const corrupt = readable.find((a) => a.partition === this.corrupt);
        if (corrupt !== undefined)
          throw new CorruptRecordError(corrupt.topic, corrupt.partition, corrupt.offset, 'bad');
        const batches = readable.map((a) => this.read(a));
        if (this.keptBack !== null) {
          this.keptBack.push(...batches);
          return [];
        }
        return [...this.late.splice(0), ...batches];
      },
      close: () => Promise.resolve(),
    };
  }

  private read(at: PartitionOffset): Batch {
    const { topic, partition, owner, offset } = at;
    const end = this.ends[partition]!;
    at.offset = Math.min(end, offset + BATCH_RECORDS);
    const records = Array.from({ length: at.offset - offset }, (_, i) => ({
      offset: offset + i,
      timestampMs: offset + i + this.againMs,
      key: Buffer.from(`k${offset + i}`),
      value: encodeEvent({ at: offset + i, op: 'count' }),
      headers: {},
    }));
    return { topic, partition, records, nextOffset: at.offset, highWatermark: end, lastStableOffset: end, owner };
  }

  private logsOf(topic: string): KafkaRecord[][] {
    return topic === SKIPS_TOPIC ? [this.skips] : this.changelogs;
  }

  private readLog(at: PartitionOffset): Batch[] {
    const { topic, partition, offset } = at;
    const all = this.logsOf(topic)[partition]!;
    if (offset >= all.length) return [];
    at.offset = all.length;
    const ends = { nextOffset: all.length, highWatermark: all.length, lastStableOffset: all.length };
    return [{ topic, partition, records: all.slice(offset), ...ends }];
  }

  private append(records: readonly OutgoingRecord[]): void {
    for (const { topic, partition, key, value, headers = {} } of records) {
      if (topic === TOPICS.deadLetters) this.deadLetters.push(String(value));
      if (!topic.endsWith('-changelog')) continue;
      const log = this.changelogs[partition!]!;
      log.push({ offset: log.length, timestampMs: 0, key: Buffer.from(key!), value, headers });
    }
  }

  private transactional(partition: number) {
    const life = ++this.lives[partition]!;
    const closed = gate();
    let isClosed = false;
    let bytes = 0;
    let sent: OutgoingRecord[] = [];
    this.open++;
    const kept = async (gates: Map<number, Gate>): Promise<void> => {
      const waiting = gates.get(partition);
      gates.delete(partition);
      if (waiting !== undefined) await Promise.race([waiting.opened, closed.opened]);
      if (isClosed) throw new TransactionError('closed');
    };
    const transactional = {
      init: async (mayFence: () => boolean = () => true) => {
        this.onInit();
        if (!mayFence()) throw new UnconfirmedError('not confirmed');
        await kept(this.inits);
        this.done.push(`p${partition} init ${life}`);
      },
      send: (records: readonly OutgoingRecord[]) => {
        for (const { value } of records) bytes += value?.length ?? 0;
        sent.push(...records);
        return Promise.resolve();
      },
      commit: async (
        { offset, metadata }: { offset: number; metadata: string },
        records: readonly OutgoingRecord[] = [],
      ) => {
        await transactional.send(records);
        const refusal = this.refusals.get(partition);
        this.refusals.delete(partition);
        await kept(this.commits);
        if (refusal !== undefined && !this.refusedCommits) throw refusal;
        if (life !== this.lives[partition]) throw new FencedError(`${life} is fenced`);
        this.sizes.push(bytes);
        bytes = 0;
        this.append(sent);
        sent = [];
        this.committed[partition] = { offset, metadata };
        this.done.push(`p${partition} commit ${offset}`);
        if (refusal !== undefined) throw refusal;
      },
      close: async () => {
        if (isClosed) return;
        isClosed = true;
        closed.open();
        this.open--;
        await Promise.resolve();
        this.done.push(`p${partition} close ${life}`);
      },
    };
    return transactional;
  }
}
