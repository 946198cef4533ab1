/** What the tests of flows share: an installation, processes beside it, and what its topics hold. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { livePid } from '../../deploy/engines/process.ts';
import type { Codec, Registry } from '../../lib/avro/index.ts';
import { systemClock } from '../../lib/clock/index.ts';
import { readToEnd, type Kafka, type KafkaRecord } from '../../lib/kafka/index.ts';
import { decodeEach, followTopic, type TopicFollower } from '../../lib/kafka/follow.ts';
import { decodeChange } from '../../lib/streams/changelog.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { changelogOf, TOPICS, type TopicName } from '../../lib/topics.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import { waitUntil } from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { kafkaOf } from '../harness/kafka.ts';
import { Beside, type BesideOptions } from './beside.ts';

/** A decoded record with its place in the log. */
export interface Read<T> {
  partition: number;
  offset: number;
  appendTimeMs: number;
  value: T;
}

const IDLE_MAX_MS = 60_000;
const LOGGER = createLogger('flows-test', 'silent');

/** What the changelog of delivery holds of a message that is not done. */
interface StoredMessage {
  state?: { name: string; attempts: number };
  request?: { node: string };
}

export class FlowWorld {
  private readonly besides: Beside[] = [];
  private readonly followers: TopicFollower[] = [];

  private constructor(
    readonly installation: Installation,
    readonly kafka: Kafka,
    private readonly registry: Registry,
  ) {}

  /** `partitions`: the default number when left out. */
  static async open(options: { ownEngines: boolean; partitions?: number }): Promise<FlowWorld> {
    const { ownEngines, partitions } = options;
    const env = partitions === undefined ? {} : { PARTITIONS: String(partitions) };
    const installation = await startInstallation({ ownEngines, env });
    const { kafka, registry } = kafkaOf(installation);
    return new FlowWorld(installation, kafka, registry);
  }

  async close(): Promise<void> {
    try {
      await Promise.all(this.followers.map((follower) => follower.stop()));
      await Promise.all(this.besides.map((beside) => beside.kill9()));
      await this.kafka.close();
    } finally {
      await removeInstallation(this.installation);
    }
  }

  /** Starts a process of a service beside those of the installation. */
  startBeside(options: BesideOptions): Beside {
    const beside = new Beside(this.installation, options);
    this.besides.push(beside);
    beside.start();
    return beside;
  }

  /** The process of a service of the installation. */
  pidOf(service: string): Promise<number> {
    return waitUntil(`${service} runs`, () => livePid(join(this.installation.dataDir, 'run'), service));
  }

  codec<T>(topic: TopicName): Promise<Codec<T>> {
    return this.registry.codec<T>(topic);
  }

  /** Calls `onStep` for each step of a run that is appended from now on. */
  async followSteps(onStep: (step: FlowEvent) => void): Promise<void> {
    const codec = await this.codec<FlowEvent>(TOPICS.flowEvents);
    const onRecord = (step: FlowEvent | null): void => {
      if (step !== null) onStep(step);
    };
    const onBatch = decodeEach<FlowEvent>({ codec, onRecord, logger: LOGGER });
    const { kafka } = this;
    this.followers.push(followTopic({ kafka, topic: TOPICS.flowEvents, onBatch, logger: LOGGER, clock: systemClock }));
  }

  /** All committed records of a topic, in the order of each partition. */
  async read<T>(topic: TopicName): Promise<Read<T>[]> {
    const codec = await this.codec<T>(topic);
    const found: Read<T>[] = [];
    for await (const { partition, records } of this.batches(topic)) {
      await codec.load(records.flatMap(({ value }) => value ?? []));
      for (const { offset, timestampMs: appendTimeMs, value } of records) {
        if (value !== null) found.push({ partition, offset, appendTimeMs, value: codec.decode(value) });
      }
    }
    return found;
  }

  /**
   * How often the intent to call a provider was stored and not withdrawn, by request id: there is no call without one of
   * its own. A process that stops as planned withdraws those whose calls have not begun, as if they had never been
   * attempted. Only messages of nodes with this id, if it is given.
   */
  async intents(node?: string): Promise<Map<string, number>> {
    const counts = new Map<string, number>();
    const attempted = new Map<string, number>();
    for await (const { records } of this.batches(changelogOf('delivery'))) {
      for (const { key, value } of records.map(decodeChange)) {
        if (!key.startsWith('m:') || value === null) continue;
        const { state, request } = JSON.parse(value.toString('utf8')) as StoredMessage;
        if (state === undefined || (node !== undefined && request?.node !== node)) continue;
        const id = key.slice(2);
        const isWithdrawn = state.name === 'requested' && state.attempts < (attempted.get(id) ?? 0);
        attempted.set(id, state.attempts);
        if (state.name === 'intended') counts.set(id, (counts.get(id) ?? 0) + 1);
        else if (isWithdrawn) counts.set(id, (counts.get(id) ?? 0) - 1);
      }
    }
    return counts;
  }

  private async *batches(topic: string): AsyncGenerator<{ partition: number; records: KafkaRecord[] }> {
    const { kafka } = this;
    const [beginnings, ends] = [await kafka.beginningOffsets(topic), await kafka.endOffsets(topic)];
    const ranges = new Map(ends.map((end, partition) => [partition, { beginning: beginnings[partition]!, end }]));
    const reading = { topic, ranges, clock: systemClock, idleMaxMs: IDLE_MAX_MS } as const;
    yield* readToEnd(kafka, { ...reading, isolation: 'read_committed' });
  }

  /** The last line of npm run verify: "ok" when ClickHouse holds what the topics hold. */
  async verify(): Promise<string> {
    const env = { ...process.env, ...this.installation.env };
    const { stdout } = await promisify(execFile)(process.execPath, ['scripts/run.mjs', 'verify'], { env }).catch(
      (error: unknown) => error as { stdout: string },
    );
    return stdout.trim().split('\n').at(-1) ?? '';
  }
}
