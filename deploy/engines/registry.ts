/** Apicurio Registry: serves the Confluent API and stores its schemas in three Kafka topics. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kafka, logLevel } from 'kafkajs';
import type { Command } from './kafka.ts';
import { SetupError } from './install.ts';

/** The registry's topics. It would create them with a retention of 7 days and lose its schemas after that. */
export const REGISTRY_TOPICS = ['kafkasql-journal', 'kafkasql-snapshots', 'registry-events'] as const;

/** The log line that says it has replayed its journal. It answers requests, and reports "ready", before that. */
export const BOOTSTRAPPED = 'KafkaSQL storage bootstrapped';

/** Settings of the registry that do not depend on where it runs. */
export function registryProperties(brokers: string[]): Record<string, string | number | boolean> {
  return {
    'quarkus.http.access-log.enabled': false,
    'quarkus.oidc.tenant-enabled': false,
    'quarkus.log.category."io.apicurio".level': 'WARN',
    'quarkus.log.category."io.apicurio.registry.storage.impl.kafkasql".level': 'INFO',
    'apicurio.storage.kind': 'kafkasql',
    'apicurio.kafkasql.bootstrap.servers': brokers.join(','),
    // At its start it waits this long for a snapshot, whether there is one or not (default: 5 s). Snapshots are disabled:
    // they contain the path of a file, and the journal is small and kept permanently.
    'apicurio.kafkasql.consumer.poll.timeout': 500,
    'apicurio.kafkasql.snapshot.every.seconds': 'disabled',
    // Its SQL database is in memory: a pool of 20 open connections only costs start-up time.
    'apicurio.datasource.jdbc.initial-size': 2,
    'apicurio.datasource.jdbc.min-size': 2,
  };
}

export function registryCommand(settings: {
  java: string;
  folder: string;
  port: number;
  brokers: string[];
  tmpDir: string;
}): Command {
  const jar = readdirSync(settings.folder).find((file) => file.endsWith('-runner.jar'));
  if (!jar)
    throw new SetupError(
      `The schema registry is missing in ${settings.folder}: delete the folder that contains this one, and start again.`,
    );
  const properties = {
    'quarkus.http.host': '127.0.0.1',
    'quarkus.http.port': settings.port,
    ...registryProperties(settings.brokers),
    'apicurio.storage.snapshot.location': settings.tmpDir,
    'apicurio.import.work-dir': settings.tmpDir,
    'java.io.tmpdir': settings.tmpDir,
    'java.awt.headless': true,
  };
  return {
    command: settings.java,
    args: [
      '-Xms64m',
      '-Xmx384m',
      '-XX:+UseSerialGC',
      // There are few requests: using only the first compiler tier shortens the start.
      '-XX:TieredStopAtLevel=1',
      ...Object.entries(properties).map(([key, value]) => `-D${key}=${value}`),
      '-jar',
      join(settings.folder, jar),
    ],
  };
}

/**
 * Waits for the broker, creates the registry's topics if they are missing, and sets their retention to unlimited. Throws
 * the errors of kafkajs when the broker does not answer within `timeoutMs`.
 */
export async function ensureRegistryTopics(brokers: string[], timeoutMs: number): Promise<void> {
  const kafka = new Kafka({
    clientId: 'jane-traits-engines',
    brokers,
    logLevel: logLevel.NOTHING,
    connectionTimeout: 1_000,
    requestTimeout: 10_000,
    retry: { initialRetryTime: 100, maxRetryTime: 300, retries: Math.ceil(timeoutMs / 300) },
  });
  const admin = kafka.admin();
  await admin.connect();
  try {
    const existing = new Set(await admin.listTopics());
    const missing = REGISTRY_TOPICS.filter((topic) => !existing.has(topic));
    if (missing.length > 0) {
      await admin.createTopics({
        waitForLeaders: true,
        topics: missing.map((topic) => ({
          topic,
          numPartitions: 1,
          configEntries: [
            { name: 'retention.ms', value: '-1' },
            { name: 'retention.bytes', value: '-1' },
          ],
        })),
      });
    }
    await keepForEver(admin);
  } finally {
    await admin.disconnect();
  }
}

const TOPIC_RESOURCE = 2;

async function keepForEver(admin: ReturnType<Kafka['admin']>): Promise<void> {
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: REGISTRY_TOPICS.map((name) => ({ type: TOPIC_RESOURCE, name, configNames: ['retention.ms'] })),
  });
  const short = resources.filter((resource) => resource.configEntries[0]?.configValue !== '-1');
  if (short.length === 0) return;
  await admin.alterConfigs({
    validateOnly: false,
    resources: short.map(({ resourceName }) => ({
      type: TOPIC_RESOURCE,
      name: resourceName,
      configEntries: [{ name: 'retention.ms', value: '-1' }],
    })),
  });
}
