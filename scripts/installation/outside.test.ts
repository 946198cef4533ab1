import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { freePorts } from '../../deploy/engines/ports.ts';
import { SetupError } from '../../deploy/engines/setup-error.ts';
import { installationConfig } from './configuration.ts';
import { outsideEngines, waitForOutside } from './outside.ts';

const stopping = new AbortController().signal;
const outside = (env: Record<string, string>) => outsideEngines(installationConfig('start', env, []), env);

describe('engines that others run', () => {
  it('are those whose address is given', () => {
    expect(outside({})).toEqual([]);
    const given = outside({ KAFKA_BROKERS: 'a:1', CLICKHOUSE_URL: 'http://c' });
    expect(given.map(({ variable }) => variable)).toEqual(['KAFKA_BROKERS', 'CLICKHOUSE_URL']);
  });

  it('are waited for, with words after three seconds and an end that says what to do', async () => {
    const said: string[] = [];
    const [port] = await freePorts(1);
    const env = { KAFKA_BROKERS: `127.0.0.1:${port!}` };
    const waiting = waitForOutside(outside(env), { say: (message) => said.push(message), stopping, timeoutMs: 3_500 });
    await expect(waiting).rejects.toThrow(SetupError);
    await expect(waiting).rejects.toThrow(`Kafka does not answer at ${env.KAFKA_BROKERS} (KAFKA_BROKERS)`);
    expect(said).toEqual([`waiting for Kafka at ${env.KAFKA_BROKERS} (KAFKA_BROKERS)`]);
  });

  it('are not waited for when they refuse the login, which is named without its values', async () => {
    const server = createServer((_, response) => response.writeHead(401).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const env = { REGISTRY_URL: url, REGISTRY_USER: 'jane', REGISTRY_PASSWORD: 'sesame' };
    await expect(waitForOutside(outside(env), { say: () => undefined, stopping })).rejects.toThrow(
      `Cannot start: the schema registry at ${url} rejects the user or password (REGISTRY_USER, REGISTRY_PASSWORD).`,
    );
    await new Promise((resolve) => server.close(resolve));
  });

  it('need no words when they answer', async () => {
    const server = createServer((_, response) => response.end('Ok.'));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const said: string[] = [];
    const env = { KAFKA_BROKERS: `127.0.0.1:1,${address}`, CLICKHOUSE_URL: `http://${address}` };
    await waitForOutside(outside(env), { say: (message) => said.push(message), stopping });
    expect(said).toEqual([]);
    await new Promise((resolve) => server.close(resolve));
  });
});
