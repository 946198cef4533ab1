/** Apache Kafka on one machine: broker and controller in one process (KRaft), with data in DATA_DIR/kafka. */
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from './install.ts';

export interface KafkaSettings {
  dataDir: string;
  port: number;
  controllerPort: number;
}

/** 8 MiB, more than the largest record that any service writes (a bulk line has at most 1 MiB). */
const MAX_MESSAGE_BYTES = 8 * 1024 * 1024;
const MAX_INT = 2_147_483_647;

/** The content of server.properties, with the reasons for settings that differ from the defaults. */
export function kafkaProperties({ dataDir, port, controllerPort }: KafkaSettings): Record<string, string | number> {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'advertised.listeners': `PLAINTEXT://127.0.0.1:${port}`,
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'log.dirs': join(dataDir, 'kafka', 'log'),
    // One broker: every internal topic has one replica; few partitions, since each costs files and start-up time.
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 8,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 8,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'default.replication.factor': 1,
    'num.partitions': 1,
    // The services create topics with the settings they need; a misspelt name must not create one.
    'auto.create.topics.enable': 'false',
    // Records are deleted only if the settings of their topic say so. Committed offsets are kept while a group is inactive.
    'log.retention.ms': -1,
    'offsets.retention.minutes': MAX_INT,
    'message.max.bytes': MAX_MESSAGE_BYTES,
    'replica.fetch.max.bytes': MAX_MESSAGE_BYTES,
    'group.initial.rebalance.delay.ms': 0,
    'group.min.session.timeout.ms': 1000,
    // The open transaction of a dead task blocks all readers until it is aborted: check every second, not every ten.
    'transaction.abort.timed.out.transaction.cleanup.interval.ms': 1000,
    'transaction.max.timeout.ms': 900_000,
    'transactional.id.expiration.ms': MAX_INT,
    // For a small machine: few threads, small cleaner buffers, and fewer metadata records while idle.
    'num.network.threads': 2,
    'num.io.threads': 4,
    'background.threads': 2,
    'num.recovery.threads.per.data.dir': 2,
    'log.cleaner.dedupe.buffer.size': 32 * 1024 * 1024,
    'log.cleaner.io.buffer.size': 1024 * 1024,
    'metadata.max.idle.interval.ms': 5000,
    // On two busy cores a heartbeat may be late by seconds, and a single broker has no other to fail over to.
    'broker.session.timeout.ms': 18_000,
  };
}

export interface Command {
  command: string;
  args: string[];
}

function jvm(jars: string, log4j: string): string[] {
  return [
    '-Xms256m',
    '-Xmx512m',
    '-XX:+UseG1GC',
    '-XX:MaxGCPauseMillis=20',
    '-Djava.awt.headless=true',
    '-Dlog4j2.disableJmx=true',
    `-Dlog4j2.configurationFile=${log4j}`,
    '-cp',
    join(jars, '*'),
  ];
}

/** Writes server.properties, formats the folder at the first start, and returns the command that runs the broker. */
export function prepareKafka(
  settings: KafkaSettings,
  { java, jars, log4j }: { java: string; jars: string; log4j: string },
): Command {
  const folder = join(settings.dataDir, 'kafka');
  mkdirSync(folder, { recursive: true });
  const properties = join(folder, 'server.properties');
  const lines = Object.entries(kafkaProperties(settings)).map(([key, value]) => `${key}=${value}`);
  writeFileSync(properties, `${lines.join('\n')}\n`);
  if (!existsSync(join(folder, 'log', 'meta.properties'))) format(java, jars, log4j, properties);
  return { command: java, args: [...jvm(jars, log4j), 'kafka.Kafka', properties] };
}

function format(java: string, jars: string, log4j: string, properties: string): void {
  // A cluster id is 16 random bytes in base64url. It must not begin with "-", or it would be parsed as an option.
  const clusterId = `J${randomBytes(16).toString('base64url').slice(1, 21)}A`;
  const args = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', properties, '--ignore-formatted'];
  const result = spawnSync(java, [...jvm(jars, log4j), ...args], { encoding: 'utf8' });
  if (result.status !== 0)
    throw new SetupError(`Kafka could not format its data folder:\n${result.stdout}${result.stderr}`);
}
