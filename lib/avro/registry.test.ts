import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import pino from 'pino';
import { expect, it, onTestFinished } from 'vitest';
import type { DeadLetter } from '../../schemas/types.ts';
import { systemClock } from '../clock/index.ts';
import { TOPICS } from '../topics.ts';
import { createRegistry, MissingSchemaError, SchemaRefusedError } from './registry.ts';

/** A registry that takes every schema with the id 1 and has no other one. `status`: its answer to all other ids. */
async function registryWith(status: number): Promise<string> {
  const server = createServer((request, response) => {
    request.resume();
    const { url = '' } = request;
    const isUnknown = url.includes('/schemas/ids/');
    const body = url.includes('/config/') ? { compatibilityLevel: 'BACKWARD_TRANSITIVE' } : { id: 1 };
    response
      .writeHead(isUnknown ? status : 200, { 'content-type': 'application/json' })
      .end(JSON.stringify(isUnknown ? { message: 'no such schema' } : body));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** The error of loading a schema from a registry that answers with this status. */
async function errorOf(status: number): Promise<unknown> {
  const url = await registryWith(status);
  const registry = createRegistry({ url, topicPrefix: '', logger: pino({ level: 'silent' }), clock: systemClock });
  const codec = await registry.codec<DeadLetter>(TOPICS.deadLetters);
  return codec.load([Buffer.from([0, 0, 0, 0, 77])]).catch((error: unknown) => error);
}

it('distinguishes a schema that does not exist from a registry that cannot answer', async () => {
  expect(await errorOf(404)).toBeInstanceOf(MissingSchemaError);
  for (const status of [401, 500, 503]) {
    const error = await errorOf(status);
    expect(error, String(status)).toBeInstanceOf(SchemaRefusedError);
    expect(error, String(status)).not.toBeInstanceOf(MissingSchemaError);
  }
});
