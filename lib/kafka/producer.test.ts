import { once } from 'node:events';
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { afterEach, beforeEach, expect, it } from 'vitest';
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

it('gives up each send in its own time, whatever it is sent with', async () => {
  const { port } = silent.address() as AddressInfo;
  const connection = { brokers: [`127.0.0.1:${port}`], clientId: 'test', logger: pino({ level: 'silent' }) };
  const producer = new BatchingProducer(connection, '', () => Promise.resolve(1), {
    deliveryTimeoutMs: DELIVERY_MS,
  });
  const send = async (): Promise<number> => {
    const startedAt = performance.now();
    const sent = producer.send({ topic: 't', key: 'k', partition: 0, value: Buffer.from('v') });
    await expect(sent).rejects.toBeInstanceOf(KafkaUnavailableError);
    return performance.now() - startedAt;
  };
  // The second and the third wait for the first, and then go together.
  const first = send();
  await sleep(20);
  const second = send();
  await sleep(DELIVERY_MS - 100);
  const third = send();
  for (const elapsedMs of await Promise.all([first, second, third])) {
    expect(elapsedMs).toBeLessThan(DELIVERY_MS + 200);
  }
  await producer.close();
  expect(producer.queuedBytes).toBe(0);
});
