/** From the configuration to the engines that this machine runs itself. */
import { join } from 'node:path';
import type { ConfigOf } from '../../lib/config/index.ts';
import type { EnginesOptions } from '../../deploy/engines/engines.ts';

export type Settings = ConfigOf<Record<never, never>>;

/** An engine whose address is set is not run by this installation. */
export function engineOptions(
  config: Settings,
  env: NodeJS.ProcessEnv,
  where: { root: string; runDir: string; say: (message: string) => void },
): EnginesOptions {
  const given = (variable: string): boolean => Boolean(env[variable]);
  return {
    root: where.root,
    dataDir: config.dataDir,
    runDir: where.runDir,
    say: where.say,
    clickHouseScript: join(where.root, 'dist', 'deploy', 'engines', 'clickhouse-server.js'),
    kafkaBrokers: config.kafkaBrokers,
    ...(!given('KAFKA_BROKERS') && { kafka: { port: config.kafkaPort, controllerPort: config.kafkaControllerPort } }),
    ...(!given('REGISTRY_URL') && { registry: { port: config.registryPort } }),
    ...(!given('CLICKHOUSE_URL') && {
      clickHouse: {
        httpPort: config.clickhouseHttpPort,
        tcpPort: config.clickhouseTcpPort,
        user: config.clickhouseUser,
        password: config.clickhousePassword,
      },
    }),
  };
}
