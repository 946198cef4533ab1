/** Three brokers that replicate to each other, as in production; each can be killed and come back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaProperties } from '../../deploy/engines/kafka.ts';
import { kafkajs } from '../../lib/kafka/testing/kafkajs.ts';
import { createBroker } from './broker.ts';
import { waitUntil } from './client.ts';
import { testPorts } from './ports.ts';

const SIZE = 3;

export interface KafkaCluster {
  /** `host:port` of each. */
  brokers: string[];
  /** By its place in `brokers`. */
  kill9(broker: number): Promise<void>;
  restart(broker: number): Promise<void>;
  /** How many partitions it leads, as the others say. */
  ledBy(broker: number): Promise<number>;
  /** Until every partition has all its replicas in sync. */
  waitInSync(): Promise<void>;
  close(): Promise<void>;
}

function properties(dataDir: string, n: number, ports: readonly number[], controllers: readonly number[]) {
  const [port = 0, controllerPort = 0] = [ports[n], controllers[n]];
  return {
    ...kafkaProperties({ dataDir, port, controllerPort }),
    'node.id': n + 1,
    'controller.quorum.voters': controllers.map((at, i) => `${i + 1}@127.0.0.1:${at}`).join(','),
    'default.replication.factor': SIZE,
    'min.insync.replicas': SIZE - 1,
    'offsets.topic.replication.factor': SIZE,
    'transaction.state.log.replication.factor': SIZE,
    'transaction.state.log.min.isr': SIZE - 1,
    // Kafka's own; what a lone broker is given is longer.
    'broker.session.timeout.ms': 9_000,
  };
}

/** Resolves when all serve. */
export async function startKafkaCluster(): Promise<KafkaCluster> {
  const folder = mkdtempSync(join(tmpdir(), 'jane-traits-cluster-'));
  const ports = await testPorts(2 * SIZE);
  const listeners = ports.slice(0, SIZE);
  const members = await Promise.all(
    listeners.map((port, n) => {
      const home = join(folder, String(n + 1));
      return createBroker({
        folder: home,
        properties: properties(home, n, listeners, ports.slice(SIZE)),
        clusterId: 'JaneTraitsClusterTests',
        ports: [port],
      });
    }),
  );
  const close = async (): Promise<void> => {
    await Promise.all(members.map((one) => one.close()));
    rmSync(folder, { recursive: true, force: true });
  };
  const started = await Promise.allSettled(members.map((member) => member.start()));
  for (const one of started) {
    if (one.status === 'fulfilled') continue;
    await close();
    throw one.reason;
  }
  const brokers = listeners.map((port) => `127.0.0.1:${port}`);
  const member = (n: number) => members[n] ?? members[0]!;
  return {
    brokers,
    kill9: (n) => member(n).kill9(),
    restart: (n) => member(n).start(),
    ledBy: async (n) => {
      const others = brokers.filter((_, i) => i !== n);
      return (await partitionsOf(others)).filter(({ leader }) => leader === n + 1).length;
    },
    waitInSync: async () => {
      await waitUntil(
        'all replicas are in sync',
        async () => (await partitionsOf(brokers)).every(({ isr }) => isr.length === SIZE),
        { timeoutMs: 180_000 },
      );
    },
    close,
  };
}

/** Of every topic, as these brokers know them. */
async function partitionsOf(brokers: string[]) {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  try {
    await admin.connect();
    const { topics } = await admin.fetchTopicMetadata();
    return topics.flatMap(({ partitions }) => partitions);
  } finally {
    await admin.disconnect();
  }
}
