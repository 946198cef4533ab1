import { parseArgs } from 'node:util';
import { systemClock } from '../lib/clock/index.ts';
import { createRegistry, registryAuth } from '../lib/avro/index.ts';
import { createClickHouse } from '../lib/clickhouse/client.ts';
import { defineConfig, loadConfig } from '../lib/config/index.ts';
import { createKafka } from '../lib/kafka/index.ts';
import { createLogger } from '../lib/telemetry/index.ts';
import { TOPICS } from '../lib/topics.ts';
import type { AudienceChange, FlowEvent, Outcome } from '../schemas/types.ts';
import { verify, type VerifyReport } from '../services/sink/verify.ts';

function text(report: VerifyReport): string {
  const line = (table: string, ...cells: (number | string)[]): string =>
    table.padEnd(16) + cells.map((cell) => String(cell).padStart(15)).join('');
  return [
    line('', 'in the topic', 'in ClickHouse', 'missing', 'unexplained'),
    ...report.tables.map((at) => line(at.table, at.inTopic, at.inTable, at.missing, at.unexplained)),
    ...report.tables.flatMap(({ table, examples }) => examples.map((example) => `  ${table}: ${example}`)),
    `${report.blocks.checked} blocks of the ledger checked, ${report.blocks.differing} differ`,
    ...(report.truncated ? ['the topic no longer has its earliest records: rows from that time are not compared'] : []),
    report.ok ? 'ok' : 'NOT ok',
    '',
  ].join('\n');
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { workspace: { type: 'string' }, json: { type: 'boolean' } },
  });
  const config = loadConfig(
    defineConfig({ name: 'verify', doc: 'Compares topics and tables.', fields: {} }),
    process.env,
    [],
  );
  const { topicPrefix } = config;
  const logger = createLogger('verify', 'warn');
  const kafka = createKafka({
    brokers: config.kafkaBrokers,
    security: config.kafkaSecurity,
    clientId: 'verify',
    logger,
    clock: systemClock,
    topicPrefix,
  });
  const client = createClickHouse({
    url: config.clickhouseUrl,
    user: config.clickhouseUser,
    password: config.clickhousePassword,
    database: config.clickhouseDatabase,
    requestTimeoutMs: 600_000,
  });
  try {
    const registry = createRegistry({
      url: config.registryUrl,
      auth: registryAuth(config),
      topicPrefix,
      logger,
      clock: systemClock,
      bootTimeoutMs: 10_000,
    });
    const codecs = {
      outcomes: await registry.codec<Outcome>(TOPICS.traitEvents),
      audienceChanges: await registry.codec<AudienceChange>(TOPICS.audienceChanges),
      flowEvents: await registry.codec<FlowEvent>(TOPICS.flowEvents),
    };
    const onProgress = process.stderr.isTTY
      ? (records: number): void => void process.stderr.write(`\r${records} records`)
      : undefined;
    const report = await verify({
      kafka,
      client,
      clock: systemClock,
      codecs,
      workspace: values.workspace ?? null,
      ...(onProgress && { onProgress }),
    });
    if (onProgress) process.stderr.write('\r');
    process.stdout.write(values.json ? `${JSON.stringify(report)}\n` : text(report));
    if (!report.ok) return 1;
    if (values.workspace === undefined || report.tables.some(({ inTopic, inTable }) => inTopic + inTable > 0)) return 0;
    throw new Error(`there is no data for workspace "${values.workspace}"; is the name correct?`);
  } finally {
    await Promise.all([kafka.close(), client.close()]);
  }
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    process.stderr.write(`verify: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(2);
  },
);
