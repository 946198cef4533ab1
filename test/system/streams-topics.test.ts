import { expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { createKafka } from '../../lib/kafka/index.ts';
import { kafkajs } from '../../lib/kafka/testing/kafkajs.ts';
import { waitUntil } from '../harness/client.ts';
import { brokers, freshKafka, quiet } from './streams-world.ts';

const TOPIC = 'cart-events';
const topicWith = (retentionMs: number, partitions = 1) => ({
  topic: TOPIC,
  partitions,
  config: { 'retention.ms': String(retentionMs) },
});

it('a topic gets the settings that it is ensured with, and keeps what an operator has set beside them', async () => {
  const kafka = freshKafka();
  const admin = new kafkajs.Kafka({ brokers: brokers() }).admin();
  await admin.connect();
  const resource = { type: kafkajs.ConfigResourceTypes.TOPIC, name: kafka.topicPrefix + TOPIC };
  const setting = async (name: string): Promise<string | undefined> => {
    const { resources } = await admin.describeConfigs({
      includeSynonyms: false,
      resources: [{ ...resource, configNames: [name] }],
    });
    return resources[0]?.configEntries[0]?.configValue;
  };
  // The controller answers once it has recorded a change; the broker applies it, and describes it, a moment later.
  const served = (name: string, value: string) =>
    waitUntil(`${name} is ${value}`, async () => (await setting(name)) === value, { timeoutMs: 15_000 });
  try {
    await kafka.ensureTopics([topicWith(1_000_000)]);
    await served('retention.ms', '1000000');
    await admin.alterConfigs({
      validateOnly: false,
      resources: [
        {
          ...resource,
          configEntries: [
            { name: 'retention.ms', value: '5000000' },
            { name: 'segment.bytes', value: '7654321' },
          ],
        },
      ],
    });
    await served('segment.bytes', '7654321');
    await kafka.ensureTopics([topicWith(2_000_000)]);
    await served('retention.ms', '2000000');
    expect(await setting('segment.bytes')).toBe('7654321');
    await expect(kafka.ensureTopics([topicWith(2_000_000, 3)])).rejects.toThrow(
      'has 1 partitions, but PARTITIONS is 3',
    );
  } finally {
    await admin.disconnect();
    await kafka.close();
  }
});

it('a topic can be asked about by whoever has ensured it, whichever of several made it', async () => {
  for (let round = 0; round < 10; round++) {
    const topicPrefix = freshKafka().topicPrefix;
    const all = Array.from({ length: 6 }, () =>
      createKafka({ brokers: brokers(), clientId: 'test', logger: quiet, clock: systemClock, topicPrefix }),
    );
    try {
      const counts = await Promise.all(
        all.map(async (kafka) => {
          await kafka.ensureTopics([{ topic: TOPIC, partitions: 40 }]);
          return kafka.partitionsOf(TOPIC);
        }),
      );
      expect(new Set(counts)).toEqual(new Set([40]));
    } finally {
      await Promise.all(all.map((kafka) => kafka.close()));
    }
  }
});
