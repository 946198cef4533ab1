import { runInstallation } from './installation/installation.ts';

await runInstallation({
  name: 'engines',
  doc: 'Kafka, the schema registry and ClickHouse alone, for work on a service.',
  services: false,
  onReady: ({ config }) => {
    process.stdout.write(
      `ready KAFKA_BROKERS=${config.kafkaBrokers.join(',')} REGISTRY_URL=${config.registryUrl} CLICKHOUSE_URL=${config.clickhouseUrl}\n`,
    );
  },
});
