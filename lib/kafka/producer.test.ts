import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import pino from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { KafkaUnavailableError } from './errors.ts';
import { BatchingProducer } from './producer.ts';

const DELIVERY_MS = 600;

/** A broker that takes connections and never answers. */
let silent: Server;
const sockets = new Set<Socket>();
beforeEach(async () => {
  silent = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).resume();
  }).listen(0, '127.0.0.1');
  await once(silent, 'listening');
});
afterEach(() => {
  silent.close();
  for (const socket of sockets) socket.destroy();
});

it('times out each send by its own deadline, whatever else is in its request', async () => {
  const { port } = silent.address() as AddressInfo;
  const clock = new ManualClock();
  const connection = { brokers: [`127.0.0.1:${port}`], clientId: 'test', logger: pino({ level: 'silent' }), clock };
  const producer = new BatchingProducer(connection, '', () => Promise.resolve(1), {
    deliveryTimeoutMs: DELIVERY_MS,
  });
  const endedAtMs: number[] = [];
  const send = async (): Promise<void> => {
    const sent = producer.send({ topic: 't', key: 'k', partition: 0, value: Buffer.from('v') });
    await expect(sent).rejects.toBeInstanceOf(KafkaUnavailableError);
    endedAtMs.push(clock.elapsedMs());
  };
  // The second and the third wait for the first, and then share a request.
  void send();
  await clock.advance(20);
  void send();
  await clock.advance(DELIVERY_MS - 100);
  void send();
  await clock.advance(2 * DELIVERY_MS);
  expect(endedAtMs).toEqual([DELIVERY_MS, DELIVERY_MS + 20, 2 * DELIVERY_MS - 80]);
  await producer.close();
  expect(producer.queuedBytes).toBe(0);
  expect(clock.nextWakeMs).toBeNull();
});
