/** Three brokers that replicate to each other, as in production; each can be killed and come back. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { kafkaProperties } from '../../deploy/engines/kafka.ts';
import { kafkajs } from '../../lib/kafka/testing.ts';
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
    // One that is dead is noticed soon.
    'broker.session.timeout.ms': 4_000,
    'broker.heartbeat.interval.ms': 500,
    'replica.lag.time.max.ms': 4_000,
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
  await Promise.all(members.map((member) => member.start()));
  const brokers = listeners.map((port) => `127.0.0.1:${port}`);
  const member = (n: number) => members[n] ?? members[0]!;
  return {
    brokers,
    kill9: (n) => member(n).kill9(),
    restart: (n) => member(n).start(),
    waitInSync: () => inSync(brokers),
    async close() {
      await Promise.all(members.map((one) => one.kill9()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function inSync(brokers: string[]): Promise<void> {
  const admin = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    await waitUntil(
      'all replicas are in sync',
      async () => {
        const { topics } = await admin.fetchTopicMetadata();
        return topics.flatMap(({ partitions }) => partitions).every(({ isr }) => isr.length === SIZE);
      },
      { timeoutMs: 60_000 },
    );
  } finally {
    await admin.disconnect();
  }
}
