import { runInstallation } from './installation/installation.ts';

await runInstallation('engines', ({ config }) => {
  process.stdout.write(
    `ready KAFKA_BROKERS=${config.kafkaBrokers.join(',')} REGISTRY_URL=${config.registryUrl} CLICKHOUSE_URL=${config.clickhouseUrl}\n`,
  );
});
