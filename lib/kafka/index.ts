import kafkajs from 'kafkajs/index.js';
import type { Admin, Kafka as KafkaJs } from 'kafkajs';
import type Cluster from 'kafkajs/src/cluster/index.js';
import type { Logger } from 'pino';
import type { Clock } from '../clock/index.ts';
import { decodeAssignment, decodeSubscription } from './assignment.ts';
import {
  CONNECTION_TIMEOUT_MS,
  ControlCluster,
  REQUEST_TIMEOUT_MS,
  clientLog,
  securityOptions,
  type SocketFactory,
} from './cluster.ts';
import { EARLIEST, LATEST, TopicDirectory } from './directory.ts';
import { KafkaUnavailableError, messageOf } from './errors.ts';
import { MAX_MESSAGE_BYTES } from './limits.ts';
import { GroupMember } from './member.ts';
import { partitionFor } from './murmur2.ts';
import { BatchingProducer } from './producer.ts';
import { KafkaReader } from './reader.ts';
import { KafkaTransactional } from './transactional.ts';
import type { CommittedOffset, GroupDescription, Kafka, KafkaSecurity, TopicSpec } from './types.ts';

export type { SocketFactory } from './cluster.ts';
export * from './continuity.ts';
export * from './errors.ts';
export * from './read-to-end.ts';
export * from './types.ts';

export interface KafkaOptions {
  /** `host:port` of the bootstrap brokers. */
  brokers: string[];
  clientId: string;
  logger: Logger;
  /** For waiting, deadlines and the timestamps of records; sockets and kafkajs's own timers use the machine's. */
  clock: Clock;
  topicPrefix: string;
  security?: KafkaSecurity;
  /** Replaces the TCP and TLS connections to the brokers, for tests. */
  socketFactory?: SocketFactory;
}

/** The installation's Kafka. Connects at the first request. */
export function createKafka({ topicPrefix, ...connection }: KafkaOptions): Kafka {
  const { brokers, clientId, logger, clock, security } = connection;
  const kafkaJs = new kafkajs.Kafka({
    brokers,
    clientId,
    ...securityOptions(security),
    logLevel: kafkajs.logLevel.WARN,
    logCreator: clientLog(logger),
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
  });
  const control = new ControlCluster(connection);
  const directory = new TopicDirectory(control, topicPrefix);
  const partitionsOf = (topic: string) => directory.partitionsOf(topic);

  return {
    topicPrefix,
    partitionFor,
    partitionsOf,
    async ensureTopics(topics) {
      await ensureTopics(kafkaJs, clock, topicPrefix, topics);
      directory.expect(topics.map(({ topic }) => topic));
    },
    endOffsets: (topic) => directory.offsetsAt(topic, LATEST),
    beginningOffsets: (topic) => directory.offsetsAt(topic, EARLIEST),
    rangeOf: (topic, partition) => directory.rangeOf(topic, partition),
    endOf: (topic, partition, isolation) => directory.endOf(topic, partition, isolation),
    createProducer: (options) => new BatchingProducer(connection, topicPrefix, partitionsOf, options),
    createReader: (options) => new KafkaReader(connection, topicPrefix, options),
    joinGroup: (options) => new GroupMember(connection, topicPrefix, options),
    transactional: (id) => new KafkaTransactional(connection, topicPrefix + id, topicPrefix, partitionsOf),
    describeGroup: (groupId) =>
      control.ask(`describe group ${groupId}`, (c) => describeGroup(c, topicPrefix + groupId)),
    committedOffsets: (groupId, topic) =>
      directory.ask('read the committed offsets of', topic, (cluster, partitions) =>
        committedOffsets(cluster, topicPrefix + groupId, topicPrefix + topic, partitions),
      ),
    close: () => control.close(),
  };
}

async function describeGroup(cluster: Cluster, groupId: string): Promise<GroupDescription> {
  const coordinator = await cluster.findGroupCoordinator({ groupId });
  const { groups } = await coordinator.describeGroups({ groupIds: [groupId] });
  const group = groups[0];
  if (group === undefined) return { state: 'Dead', members: [] };
  const members = group.members.map((m) => ({
    memberId: m.memberId,
    url: decodeSubscription(m.memberMetadata).url,
    partitions: assignedPartitions(m.memberAssignment),
  }));
  return { state: group.state, members };
}

/** Members read one topic only, so all partitions of a member belong to it, and its name does not matter. */
function assignedPartitions(assignment: Buffer): number[] {
  if (assignment.length < 8) return [];
  const length = assignment.readInt16BE(6);
  return decodeAssignment(assignment.toString('utf8', 8, 8 + length), assignment);
}

async function committedOffsets(
  cluster: Cluster,
  groupId: string,
  topic: string,
  partitions: readonly number[],
): Promise<(CommittedOffset | null)[]> {
  const coordinator = await cluster.findGroupCoordinator({ groupId });
  const { responses } = await coordinator.offsetFetch({
    groupId,
    topics: [{ topic, partitions: partitions.map((partition) => ({ partition })) }],
  });
  const result = new Array<CommittedOffset | null>(partitions.length).fill(null);
  for (const p of responses[0]?.partitions ?? []) {
    const offset = Number(p.offset);
    if (offset >= 0) result[p.partition] = { offset, metadata: p.metadata ?? '' };
  }
  return result;
}

/** A topic is in the controller's list for a moment before the broker serves it. */
const NOT_SERVED_YET = new Set(['UNKNOWN_TOPIC_OR_PARTITION', 'LEADER_NOT_AVAILABLE']);
const SERVED_WITHIN_MS = 15_000;

async function ensureTopics(
  kafkaJs: KafkaJs,
  clock: Clock,
  prefix: string,
  topics: readonly TopicSpec[],
): Promise<void> {
  const deadline = clock.elapsedMs() + SERVED_WITHIN_MS;
  for (;;) {
    try {
      return await ensureTopicsOnce(kafkaJs, prefix, topics);
    } catch (error) {
      if (error instanceof TopicMismatchError) throw error;
      const known = NOT_SERVED_YET.has((error as { type?: string }).type ?? '');
      if (!known || clock.elapsedMs() > deadline) {
        throw new KafkaUnavailableError(`cannot create or update the topics: ${messageOf(error)}`, { cause: error });
      }
      await clock.sleep(100);
    }
  }
}

async function ensureTopicsOnce(kafkaJs: KafkaJs, prefix: string, topics: readonly TopicSpec[]): Promise<void> {
  const admin = kafkaJs.admin();
  try {
    await admin.connect();
    const existing = new Set(await admin.listTopics());
    const missing = topics.filter((t) => !existing.has(prefix + t.topic));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((t) => ({
          topic: prefix + t.topic,
          numPartitions: t.partitions,
          configEntries: configOf(t),
        })),
      });
    }
    // For all topics, not only the missing ones: kafkajs does not wait until a topic that another process or an earlier
    // attempt has created is served.
    await bringUpToDate(admin, prefix, topics);
  } finally {
    await admin.disconnect().catch(() => undefined);
  }
}

class TopicMismatchError extends Error {
  override readonly name = 'TopicMismatchError';
}

const configOf = (spec: TopicSpec): { name: string; value: string }[] =>
  Object.entries({ 'max.message.bytes': String(MAX_MESSAGE_BYTES), ...spec.config }).map(([name, value]) => ({
    name,
    value,
  }));

/** DYNAMIC_TOPIC_CONFIG in Kafka's protocol: set for this topic, not inherited from the broker. */
const OF_THE_TOPIC = kafkajs.ConfigSource.TOPIC_CONFIG;

async function bringUpToDate(admin: Admin, prefix: string, specs: readonly TopicSpec[]): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map((s) => prefix + s.topic) });
  for (const spec of specs) {
    const found = topics.find((t) => t.name === prefix + spec.topic)?.partitions.length;
    if (found !== undefined && found !== spec.partitions) {
      throw new TopicMismatchError(
        `topic ${prefix}${spec.topic} has ${found} partitions, but PARTITIONS is ${spec.partitions}: set PARTITIONS to ${found}; the number of partitions is fixed when an installation is created`,
      );
    }
  }
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map((s) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, name: prefix + s.topic })),
  });
  const changes = specs.flatMap((spec) => {
    const found = resources.find((r) => r.resourceName === prefix + spec.topic)?.configEntries ?? [];
    const wanted = configOf(spec);
    const stale = wanted.some(({ name, value }) => found.find((e) => e.configName === name)?.configValue !== value);
    // The request replaces all settings of a topic, so it includes those that an operator has added.
    const others = found
      .filter(
        ({ configName, configSource }) => configSource === OF_THE_TOPIC && !wanted.some((w) => w.name === configName),
      )
      .map(({ configName, configValue }) => ({ name: configName, value: configValue }));
    return stale ? [{ name: prefix + spec.topic, configEntries: [...wanted, ...others] }] : [];
  });
  if (changes.length === 0) return;
  await admin.alterConfigs({
    validateOnly: false,
    resources: changes.map((change) => ({ type: kafkajs.ConfigResourceTypes.TOPIC, ...change })),
  });
}
