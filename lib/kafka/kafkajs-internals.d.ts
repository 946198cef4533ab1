/**
 * The parts of kafkajs 2.2.4 below its public API that the port uses. They are untyped and unversioned there, so the
 * package is pinned and nothing outside lib/kafka may import them.
 */
declare module 'kafkajs/src/cluster/index.js' {
  import type { Broker } from 'kafkajs-internals';
  export default class Cluster {
    constructor(options: Record<string, unknown>);
    readonly brokerPool: {
      createBroker(options: unknown): Broker;
      /** By node id. */
      readonly brokers: Readonly<Record<string, Broker>>;
    };
    isConnected(): boolean;
    connect(): Promise<void>;
    disconnect(): Promise<void>;
    refreshMetadata(): Promise<void>;
    refreshMetadataIfNecessary(): Promise<void>;
    addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
    findBroker(options: { nodeId: string | number }): Promise<Broker>;
    findGroupCoordinator(options: { groupId: string; coordinatorType?: number }): Promise<Broker>;
    findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
    findControllerBroker(): Promise<Broker>;
  }
}

declare module 'kafkajs/src/protocol/requests/metadata/index.js' {
  import type { ClusterMetadata, ProtocolRequest } from 'kafkajs-internals';
  const metadata: {
    protocol(options: {
      version: 6;
    }): (options: { topics: readonly string[]; allowAutoTopicCreation: boolean }) => ProtocolRequest<ClusterMetadata>;
  };
  export default metadata;
}

declare module 'kafkajs/src/network/requestQueue/index.js' {
  import type { RequestQueue } from 'kafkajs-internals';
  const RequestQueueClass: new (options: Record<string, unknown>) => RequestQueue;
  export default RequestQueueClass;
}

declare module 'kafkajs/src/loggers/index.js' {
  const loggers: {
    LEVELS: { NOTHING: 0; ERROR: 1; WARN: 2; INFO: 4; DEBUG: 5 };
    createLogger(options: { level: number; logCreator: (level: never) => (entry: never) => void }): unknown;
  };
  export default loggers;
}

declare module 'kafkajs/src/protocol/encoder.js' {
  export default class Encoder {
    writeInt8(value: number): this;
    writeInt16(value: number): this;
    writeInt32(value: number): this;
    writeInt64(value: number | string): this;
    writeString(value: string | null): this;
    writeBytes(value: Buffer): this;
    writeBuffer(value: Buffer): this;
    writeEncoder(value: Encoder): this;
    writeArray(value: readonly unknown[], type?: string): this;
    size(): number;
    readonly buffer: Buffer;
  }
}

declare module 'kafkajs/src/consumer/assignerProtocol.js' {
  const protocol: {
    MemberMetadata: {
      encode(value: { version: number; topics: string[]; userData?: Buffer }): Buffer;
      decode(buffer: Buffer): { version: number; topics: string[]; userData: Buffer | null };
    };
    MemberAssignment: {
      encode(value: { version: number; assignment: Record<string, number[]>; userData?: Buffer }): Buffer;
      decode(buffer: Buffer): { version: number; assignment: Record<string, number[]>; userData: Buffer | null } | null;
    };
  };
  export default protocol;
}

declare module 'kafkajs/src/protocol/error.js' {
  const errors: { createErrorFromCode(code: number): Error & { type: string; code: number; retriable: boolean } };
  export default errors;
}

declare module 'kafkajs-internals' {
  export interface ClusterMetadata {
    brokers: { nodeId: number; host: string; port: number }[];
    topicMetadata: {
      topic: string;
      topicErrorCode: number;
      partitionMetadata: { partitionId: number; leader: number }[];
    }[];
  }

  export interface ProtocolRequest<T> {
    request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<unknown> };
    response: { decode(payload: Buffer): Promise<T>; parse(data: T): Promise<T> };
    requestTimeout?: number;
    logResponseError?: boolean;
  }

  export interface PushedRequest {
    entry: {
      apiKey: number;
      apiName: string;
      apiVersion: number;
      correlationId: number;
      resolve(answer: { payload: Buffer | null }): void;
      reject(error: Error): void;
    };
    expectResponse: boolean;
    /** Milliseconds; that of the queue if it is shorter. */
    requestTimeout: number | null;
    sendRequest(): void;
  }

  export interface SocketRequest {
    /** Milliseconds. */
    readonly requestTimeout: number;
    timeoutRequest(): void;
  }

  export interface RequestQueue {
    readonly pending: readonly SocketRequest[];
    push(request: PushedRequest): void;
    fulfillRequest(answer: { correlationId: number; payload: Buffer | null; size: number }): void;
    rejectAll(error: Error): void;
    maybeThrottle(ms: number): void;
    destroy(): void;
    createSocketRequest(request: PushedRequest): SocketRequest;
    scheduleCheckPendingRequests(): void;
  }

  interface TransactionOf {
    transactionalId: string;
    producerId: number;
    producerEpoch: number;
  }

  export interface Broker {
    nodeId: number | string;
    disconnect(): Promise<void>;
    metadata(topics: readonly string[]): Promise<ClusterMetadata>;
    connectionPool: {
      readonly host: string;
      readonly port: number;
      readonly pool: readonly { readonly requestQueue: RequestQueue }[];
      send<T>(request: ProtocolRequest<T>): Promise<T>;
    };
    joinGroup(options: {
      groupId: string;
      sessionTimeout: number;
      rebalanceTimeout: number;
      memberId: string;
      groupProtocols: { name: string; metadata: Buffer }[];
    }): Promise<{
      generationId: number;
      groupProtocol: string;
      leaderId: string;
      memberId: string;
      members: { memberId: string; memberMetadata: Buffer }[];
    }>;
    syncGroup(options: {
      groupId: string;
      generationId: number;
      memberId: string;
      groupAssignment: { memberId: string; memberAssignment: Buffer }[];
    }): Promise<{ memberAssignment: Buffer }>;
    heartbeat(options: { groupId: string; groupGenerationId: number; memberId: string }): Promise<void>;
    leaveGroup(options: { groupId: string; memberId: string }): Promise<void>;
    describeGroups(options: { groupIds: string[] }): Promise<{
      groups: {
        state: string;
        protocol: string;
        members: { memberId: string; memberMetadata: Buffer; memberAssignment: Buffer }[];
      }[];
    }>;
    offsetFetch(options: {
      groupId: string;
      topics: { topic: string; partitions: { partition: number }[] }[];
    }): Promise<{
      responses: {
        topic: string;
        partitions: { partition: number; offset: string; metadata: string | null; errorCode: number }[];
      }[];
    }>;
    listOffsets(options: {
      isolationLevel: number;
      topics: { topic: string; partitions: { partition: number; timestamp: number }[] }[];
    }): Promise<{
      responses: { topic: string; partitions: { partition: number; offset: string; errorCode: number }[] }[];
    }>;
    initProducerId(options: {
      transactionalId: string | undefined;
      transactionTimeout: number;
    }): Promise<{ producerId: string; producerEpoch: number }>;
    addPartitionsToTxn(
      options: TransactionOf & { topics: { topic: string; partitions: number[] }[] },
    ): Promise<unknown>;
    addOffsetsToTxn(options: TransactionOf & { groupId: string }): Promise<unknown>;
    txnOffsetCommit(
      options: TransactionOf & {
        groupId: string;
        topics: { topic: string; partitions: { partition: number; offset: string; metadata: string }[] }[];
      },
    ): Promise<unknown>;
    endTxn(options: TransactionOf & { transactionResult: boolean }): Promise<unknown>;
    describeConfigs(options: { resources: { type: number; name: string; configNames?: string[] }[] }): Promise<{
      resources: { resourceName: string; configEntries: { configName: string; configValue: string }[] }[];
    }>;
  }
}

declare module 'kafkajs/index.js' {
  import type * as kafkajs from 'kafkajs';
  /** kafkajs is a CommonJS module: only its default export is certain to exist. */
  const module: typeof kafkajs;
  export default module;
}
