import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { createRegistry } from '../../lib/avro/index.ts';
import { loadConfig } from '../../lib/config/index.ts';
import { createKafka, type OutgoingRecord, type Producer, type ProducerOptions } from '../../lib/kafka/index.ts';
import { createLogger } from '../../lib/telemetry/index.ts';
import { BULK_LIMITS } from '../../services/ingest/bulk.ts';
import { ingestConfig } from '../../services/ingest/config.ts';
import { Outbox } from '../../services/ingest/outbox.ts';
import { openIngest, type Answer, type IngestWorld } from './ingest-world.ts';

/** Kafka away, as ingest meets it: a broker that takes connections and never answers. */

const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const config = loadConfig(ingestConfig, process.env, []);
const logger = createLogger('away', 'silent');

/** A producer whose broker is silent. */
async function silentProducer(options: ProducerOptions): Promise<Producer> {
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const kafka = createKafka({
    brokers: [`127.0.0.1:${port}`],
    clientId: 'away',
    logger,
    clock: systemClock,
    topicPrefix: '',
  });
  closing.push(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
    await kafka.close();
  });
  return kafka.createProducer(options);
}

async function worldWith(producer: Producer, change: Parameters<typeof openIngest>[0] = {}): Promise<IngestWorld> {
  const registry = createRegistry({ url: config.registryUrl, topicPrefix: 'away.', logger, clock: systemClock });
  const world = await openIngest({ outbox: await Outbox.create(producer, registry), ...change });
  closing.push(async () => {
    expect(await world.disagreements()).toEqual([]);
    await world.close();
  });
  return world;
}

function expectLater(answer: Answer, status: number): void {
  expect(answer).toMatchObject({ status, type: 'application/problem+json', body: { status } });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
}
const line = (id: string) =>
  JSON.stringify({ type: 'cart_status', occurred_at: '2026-01-05T10:00:00Z', cart: { id, status: 'pending' } });

describe('while Kafka is away', () => {
  it('a webhook is 503, one more than there is room for 429', async () => {
    const world = await worldWith(await silentProducer({ deliveryTimeoutMs: 1_500, maxQueuedBytes: 1 }));
    const { id } = await world.workspace();
    const subscription = await world.subscription(id);
    const first = world.webhook(subscription, { id: 1, status: 'a' });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expectLater(await world.webhook(subscription, { id: 2, status: 'a' }), 429);
    expectLater(await world.webhook(subscription, null, { body: '{' }), 429);
    expectLater(await first, 503);
  });

  it('a bulk is 503 with what is settled', async () => {
    const silent = await silentProducer({ deliveryTimeoutMs: 500 });
    const real = createKafka({
      brokers: config.kafkaBrokers,
      clientId: 'half',
      logger,
      clock: systemClock,
      topicPrefix: 'away.',
    });
    closing.push(() => real.close());
    await real.ensureTopics([{ topic: 'cart-events', partitions: 1 }]);
    const good = real.createProducer();
    let sends = 0;
    // Kafka goes away after the second batch.
    const producer: Producer = {
      queuedBytes: 0,
      send: (records: OutgoingRecord | readonly OutgoingRecord[]) => (++sends <= 2 ? good : silent).send(records),
      close: () => good.close(),
    };
    closing.push(() => good.close());
    const world = await worldWith(producer, {
      bulkLimits: { ...BULK_LIMITS, batchRecords: 100, kafkaTimeoutMs: 600 },
    });
    const { keys } = await world.workspace();
    const body = Array.from({ length: 1000 }, (_, i) => line(`c${i}`)).join('\n');
    const answer = await world.post('/v1/events', body, { authorization: `Bearer ${keys.ingest}` });
    expectLater(answer, 503);
    expect(answer.body).toMatchObject({ accepted: 200, rejected: 0 });
  });

  it('and too many bulks at once are 429', async () => {
    const world = await openIngest({ maxBulkBodies: 1 });
    closing.push(() => world.close());
    const { keys } = await world.workspace();
    const headers = { authorization: `Bearer ${keys.ingest}` };
    let finish = (): void => undefined;
    const slow = new ReadableStream({
      start: (controller) => {
        controller.enqueue(Buffer.from(`${line('slow')}\n`));
        finish = () => controller.close();
      },
    });
    const first = world.post('/v1/events', slow, headers);
    await expect.poll(async () => (await world.cartEvents()).length).toBe(1);
    expectLater(await world.post('/v1/people', '', headers), 429);
    finish();
    expect(await first).toMatchObject({ status: 200, body: { accepted: 1 } });
  });
});
