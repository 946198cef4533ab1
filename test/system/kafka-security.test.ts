import { beforeAll, describe, expect, inject, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { defineConfig, loadConfig } from '../../lib/config/index.ts';
import { createKafka, type Kafka } from '../../lib/kafka/index.ts';
import { createSubscription, createWorkspace, postWebhook, preview, waitFresh } from '../harness/client.ts';
import { removeInstallation, startInstallation } from '../harness/installation.ts';
import { PASSWORD, startSecuredKafka, USERNAME, type SecuredKafka } from '../harness/secured-kafka.ts';
import { quiet, readAll } from './streams-world.ts';

/** Brokers that want TLS, certificates and passwords, spoken to by the variables that say so. */

let secured: SecuredKafka;
beforeAll(async () => {
  secured = await startSecuredKafka();
  return () => secured.close();
});

const definition = defineConfig({ name: 'test', doc: 'A test.', fields: {} });

function variables(protocol: keyof SecuredKafka['brokers'], mechanism = 'plain'): Record<string, string> {
  const sasl = {
    KAFKA_SASL_MECHANISM: mechanism,
    KAFKA_SASL_USERNAME: USERNAME,
    KAFKA_SASL_PASSWORD: PASSWORD,
  };
  return {
    ...inject('engines'),
    KAFKA_BROKERS: secured.brokers[protocol],
    KAFKA_SECURITY_PROTOCOL: protocol,
    ...(protocol === 'sasl_plaintext' ? {} : { KAFKA_SSL_CA_FILE: secured.caFile }),
    ...(protocol === 'ssl'
      ? { KAFKA_SSL_CERTIFICATE_FILE: secured.certificateFile, KAFKA_SSL_KEY_FILE: secured.keyFile }
      : sasl),
  };
}

function kafkaOf(env: Record<string, string>, topicPrefix: string): Kafka {
  const config = loadConfig(definition, env, []);
  return createKafka({
    brokers: config.kafkaBrokers,
    security: config.kafkaSecurity,
    clientId: 'test',
    logger: quiet,
    clock: systemClock,
    topicPrefix,
  });
}

const TOPIC = 'cart-events';

describe('a broker that wants to know who speaks', () => {
  it.each([
    ['ssl', ''],
    ['sasl_plaintext', 'plain'],
    ['sasl_plaintext', 'scram-sha-256'],
    ['sasl_ssl', 'scram-sha-512'],
  ] as const)('is written to and read from over %s %s', async (protocol, mechanism) => {
    const kafka = kafkaOf(variables(protocol, mechanism), `${protocol}-${mechanism}.`);
    try {
      await kafka.ensureTopics([{ topic: TOPIC, partitions: 2 }]);
      const producer = kafka.createProducer();
      await producer.send([0, 1].map((partition) => ({ topic: TOPIC, partition, key: 'k', value: Buffer.from('v') })));
      await producer.close();
      expect((await readAll(kafka, TOPIC)).map(({ key, value }) => `${String(key)}=${String(value)}`)).toEqual([
        'k=v',
        'k=v',
      ]);
    } finally {
      await kafka.close();
    }
  });

  it.each([
    ['a wrong password', () => ({ ...variables('sasl_ssl', 'scram-sha-512'), KAFKA_SASL_PASSWORD: 'wrong' })],
    ['an authority that is not known', () => ({ ...variables('sasl_ssl', 'scram-sha-512'), KAFKA_SSL_CA_FILE: '' })],
  ])('tells of %s instead of waiting for ever', async (_, env) => {
    const kafka = kafkaOf(env(), 'refused.');
    try {
      const refused = kafka.ensureTopics([{ topic: TOPIC, partitions: 1 }]);
      await expect(refused).rejects.toThrow(/authentication|certificate|Invalid credentials/i);
    } finally {
      await kafka.close();
    }
  });

  it('carries a whole installation: from the webhook to the count', async () => {
    const installation = await startInstallation({ env: variables('sasl_ssl', 'scram-sha-512') });
    try {
      const workspace = await createWorkspace(installation);
      const subscription = await createSubscription(installation, workspace, { event: 'cart_status' });
      const cart = { id: 1, status: 'verification', store_id: 68, customer_phone_number: '+16125550100' };
      expect((await postWebhook(subscription, { cart })).status).toBe(202);
      await waitFresh(installation, workspace);
      expect((await preview(installation, workspace, { everyone: true })).count).toBe(1);
    } finally {
      await removeInstallation(installation);
    }
  });
});
