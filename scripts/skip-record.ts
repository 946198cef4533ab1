import { parseArgs } from 'node:util';
import { systemClock } from '../lib/clock/index.ts';
import { defineConfig, loadConfig } from '../lib/config/index.ts';
import { positionsBy } from '../lib/freshness/index.ts';
import { createKafka } from '../lib/kafka/index.ts';
import { createLogger } from '../lib/telemetry/index.ts';
import { TOPICS } from '../lib/topics.ts';
import { skipRecord } from '../services/processor/skip-record.ts';

/** The group of the topology that reads each topic. */
const GROUPS: Readonly<Record<string, string>> = {
  [TOPICS.cartEvents]: 'carts',
  [TOPICS.personInputs]: 'people',
  [TOPICS.definitions]: 'relay',
  [TOPICS.flowInputs]: 'flows',
};
const ANSWER_TIMEOUT_MS = 2_000;

function usage(message: string): never {
  throw new Error(`${message}; see npm run skip-record -- --help`);
}

function wholeNumber(name: string, text: string | undefined): number {
  const value = Number(text);
  return text !== undefined && /^\d+$/.test(text) && Number.isSafeInteger(value)
    ? value
    : usage(`--${name} must be a whole number`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      topic: { type: 'string' },
      partition: { type: 'string' },
      offset: { type: 'string' },
      reason: { type: 'string' },
      force: { type: 'boolean' },
    },
  });
  const { topic = '', reason = 'no reason given', force = false } = values;
  const groupId = GROUPS[topic] ?? usage(`--topic must be one of ${Object.keys(GROUPS).join(', ')}`);
  const partition = wholeNumber('partition', values.partition);
  const offset = wholeNumber('offset', values.offset);
  const config = loadConfig(
    defineConfig({ name: 'skip-record', doc: 'Skips a record that a topology fails on.', fields: {} }),
    process.env,
    [],
  );
  const logger = createLogger('skip-record', 'warn');
  const kafka = createKafka({
    brokers: config.kafkaBrokers,
    security: config.kafkaSecurity,
    clientId: 'skip-record',
    logger,
    clock: systemClock,
    topicPrefix: config.topicPrefix,
  });
  const skip = { topic, partition, offset, reason };
  try {
    const continues = await skipRecord({
      kafka,
      clock: systemClock,
      groupId,
      skip,
      force,
      positionsOf: positionsBy(systemClock, ANSWER_TIMEOUT_MS),
      logger,
    });
    process.stdout.write(
      continues
        ? 'skipped; the partition continues\n'
        : 'recorded; the partition has not passed the record yet and skips it when it does\n',
    );
  } finally {
    await kafka.close();
  }
}

main().catch((error: unknown) => {
  process.stderr.write(`skip-record: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
