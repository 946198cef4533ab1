import errors from 'kafkajs/src/protocol/error.js';
import metadataRequests from 'kafkajs/src/protocol/requests/metadata/index.js';
import type { Broker, ClusterMetadata } from 'kafkajs-internals';

/** The broker has closed the connection: kafkajs must forget it before the next request. */
const CLOSED = 'KafkaJSConnectionClosedError';

/**
 * Makes a broker of kafkajs answer with metadata also when a partition has no leader: its leader is negative then.
 * kafkajs throws for the whole reply, so that one partition would stop all others.
 */
export function acceptLeaderless(broker: Broker): Broker {
  broker.metadata = async (topics) => {
    const { request, response } = metadataRequests.protocol({ version: 6 })({ topics, allowAutoTopicCreation: false });
    try {
      return await broker.connectionPool.send({ request, response: { ...response, parse: rejectTopicErrors } });
    } catch (error) {
      if (error instanceof Error && error.name === CLOSED) await broker.disconnect();
      throw error;
    }
  };
  return broker;
}

/** Errors of single partitions are reported by the requests that need the partition. */
function rejectTopicErrors(metadata: ClusterMetadata): Promise<ClusterMetadata> {
  const failed = metadata.topicMetadata.find(({ topicErrorCode }) => topicErrorCode !== 0);
  return failed === undefined
    ? Promise.resolve(metadata)
    : Promise.reject(errors.createErrorFromCode(failed.topicErrorCode));
}
