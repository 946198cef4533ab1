import type { Random } from '../../carts/testing/random.ts';
import { KafkaUnavailableError, UnknownTopicError, messageOf } from '../errors.ts';
import { partitionFor } from '../murmur2.ts';
import type { Kafka } from '../types.ts';
import type { SimulatedBroker } from './broker.ts';
import type { SimulatedProcess } from './event-loop.ts';
import { SimulatedMember } from './member.ts';
import { ConnectionError, type Network, type RequestKind } from './network.ts';
import { SimulatedProducer, SimulatedTransactional } from './producers.ts';
import { protocolErrorType } from './protocol.ts';
import { SimulatedReader } from './reader.ts';

/** One process's way to a simulated cluster. */
export interface Connection {
  process: SimulatedProcess;
  broker: SimulatedBroker;
  network: Network;
  /** Decides how many records a reply carries. */
  random: Random;
}

const ATTEMPTS = 3;
const RETRY_PAUSE_MS = 50;

/** The port, on a simulated cluster. Everything that the real one asks brokers for goes over the network. */
export function simulatedKafka(connection: Connection): Kafka {
  const { process, broker, network } = connection;

  async function ask<T>(kind: RequestKind, topic: string, effect: () => T): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await network.request(process, kind, effect);
      } catch (error) {
        if (protocolErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') throw new UnknownTopicError(topic);
        if (!(error instanceof ConnectionError)) throw error;
        if (attempt === ATTEMPTS) throw new KafkaUnavailableError(messageOf(error), { cause: error });
        await process.clock.sleep(RETRY_PAUSE_MS);
      }
    }
  }

  return {
    topicPrefix: '',
    partitionFor,
    ensureTopics: (topics) =>
      ask('metadata', '', () => topics.forEach(({ topic, partitions }) => broker.createTopic(topic, partitions))),
    partitionsOf: (topic) => ask('metadata', topic, () => broker.logs(topic).length),
    endOffsets: (topic) => ask('offsets', topic, () => broker.logs(topic).map((log) => log.highWatermark)),
    beginningOffsets: (topic) => ask('offsets', topic, () => broker.logs(topic).map((log) => log.beginning)),
    rangeOf: (topic, partition) =>
      ask('offsets', topic, () => {
        const { beginning, highWatermark } = broker.log(topic, partition);
        return { beginning, end: highWatermark };
      }),
    endOf: (topic, partition, isolation) =>
      ask('offsets', topic, () => {
        const { highWatermark, lastStableOffset } = broker.log(topic, partition);
        return isolation === 'read_committed' ? lastStableOffset : highWatermark;
      }),
    committedOffsets: (groupId, topic) =>
      ask('committed offsets', topic, () => [...broker.committedOffsets(groupId, topic)]),
    describeGroup: (groupId) =>
      ask('metadata', '', () => broker.findGroup(groupId)?.describe() ?? { state: 'Dead', members: [] }),
    createProducer: (options) => new SimulatedProducer(connection, options),
    createReader: (options) => new SimulatedReader(connection, options),
    joinGroup: (options) => new SimulatedMember(connection, options),
    transactional: (transactionalId) => new SimulatedTransactional(connection, transactionalId),
    close: () => Promise.resolve(),
  };
}
