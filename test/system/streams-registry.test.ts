import { systemClock } from '../../lib/clock/index.ts';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { describe, expect, inject, it } from 'vitest';
import { SchemaRefusedError, createRegistry, registryAuth } from '../../lib/avro/index.ts';
import { SCHEMAS } from '../../schemas/documents.ts';
import type { DeadLetter } from '../../schemas/types.ts';
import { TOPICS } from '../../lib/topics.ts';
import { quiet } from './streams-world.ts';

const url = inject('engines').REGISTRY_URL;
function fresh() {
  const topicPrefix = `registry-${randomBytes(5).toString('hex')}.`;
  const subject = `${topicPrefix}dead-letters-value`;
  return { topicPrefix, subject, registry: createRegistry({ url, topicPrefix, logger: quiet, clock: systemClock }) };
}

const letter: DeadLetter = {
  dead_letter_id: 'd',
  workspace: 'w',
  source: 'events',
  subscription_id: null,
  reason: 'not_json',
  message: 'm',
  line: 3,
  received_at: 1_760_000_000_000,
  request_at: null,
  body: Buffer.from('{'),
  body_truncated: false,
};

const post = async (path: string, body: unknown): Promise<Response> =>
  fetch(`${url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
    body: JSON.stringify(body),
  });

describe('a real registry', () => {
  it('takes the schema under BACKWARD_TRANSITIVE, once, and gives the same id to everybody', async () => {
    const { subject, topicPrefix, registry } = fresh();
    const codec = await registry.codec<DeadLetter>(TOPICS.deadLetters);
    const other = await createRegistry({ url, topicPrefix, logger: quiet, clock: systemClock }).codec<DeadLetter>(
      TOPICS.deadLetters,
    );
    expect(other.schemaId).toBe(codec.schemaId);
    const config = (await (await fetch(`${url}/config/${subject}`)).json()) as { compatibilityLevel: string };
    expect(config.compatibilityLevel).toBe('BACKWARD_TRANSITIVE');
    expect(await (await fetch(`${url}/subjects/${subject}/versions`)).json()).toEqual([1]);
    expect({ ...other.decode(codec.encode(letter)) }).toEqual(letter);
  });

  it('takes several processes that register the same new subjects at once', async () => {
    const { topicPrefix } = fresh();
    const topics = Object.values(TOPICS).filter((topic) => topic in SCHEMAS);
    const ids = await Promise.all(
      [1, 2, 3, 4].map(async () => {
        const registry = createRegistry({ url, topicPrefix, logger: quiet, clock: systemClock });
        return Promise.all(topics.map(async (topic) => (await registry.codec(topic)).schemaId));
      }),
    );
    for (const other of ids) expect(other).toEqual(ids[0]);
    for (const topic of topics) {
      const config = await (await fetch(`${url}/config/${topicPrefix}${topic}-value`)).json();
      expect(config).toEqual({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
    }
  });

  it('gives its level to a subject whose maker died before it did', async () => {
    const { subject, registry } = fresh();
    await post(`/subjects/${subject}/versions`, { schema: JSON.stringify(SCHEMAS['dead-letters']) });
    await registry.codec(TOPICS.deadLetters);
    const config = await (await fetch(`${url}/config/${subject}`)).json();
    expect(config).toEqual({ compatibilityLevel: 'BACKWARD_TRANSITIVE' });
  });

  it('leaves a level alone that somebody else chose, and says so', async () => {
    const { subject, registry } = fresh();
    await post(`/subjects/${subject}/versions`, { schema: JSON.stringify(SCHEMAS['dead-letters']) });
    await fetch(`${url}/config/${subject}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/vnd.schemaregistry.v1+json' },
      body: JSON.stringify({ compatibility: 'FORWARD' }),
    });
    await expect(registry.codec(TOPICS.deadLetters)).rejects.toThrow('BACKWARD_TRANSITIVE != FORWARD');
  });

  it('refuses a schema that could not read what is there', async () => {
    const { subject, registry } = fresh();
    await registry.codec(TOPICS.deadLetters);
    const broken = structuredClone(SCHEMAS['dead-letters']) as unknown as { fields: unknown[] };
    broken.fields.push({ name: 'must_be_there', type: 'string' });
    const answer = await post(`/subjects/${subject}/versions`, { schema: JSON.stringify(broken) });
    expect(answer.status).toBe(409);
  });

  it('gives the schemas of other writers', async () => {
    const { subject, topicPrefix, registry } = fresh();
    const codec = await registry.codec<DeadLetter>(TOPICS.deadLetters);
    const later = structuredClone(SCHEMAS['dead-letters']) as unknown as { fields: unknown[] };
    later.fields.push({ name: 'remark', type: ['null', 'string'], default: null });
    const { id } = (await (await post(`/subjects/${subject}/versions`, { schema: JSON.stringify(later) })).json()) as {
      id: number;
    };
    const written = Buffer.concat([codec.encode(letter), Buffer.of(2, 2, 120)]); // remark: "x"
    written.writeUInt32BE(id, 1);
    expect(() => codec.decode(written)).toThrow('not loaded');
    await codec.load([written]);
    expect({ ...codec.decode(written) }).toEqual(letter);
    expect(topicPrefix).not.toBe('');
  });

  it('is not believed for ever when it does not know a schema', async () => {
    const { registry } = fresh();
    const codec = await registry.codec<DeadLetter>(TOPICS.deadLetters);
    const unknown = codec.encode(letter);
    unknown.writeUInt32BE(2_000_000, 1);
    await expect(codec.load([unknown])).rejects.toBeInstanceOf(SchemaRefusedError);
  });

  it('is waited for while it boots', async () => {
    const registry = createRegistry({
      url: 'http://127.0.0.1:1',
      topicPrefix: '',
      logger: quiet,
      clock: systemClock,
      bootTimeoutMs: 700,
    });
    const startedAt = performance.now();
    await expect(registry.codec(TOPICS.deadLetters)).rejects.toBeInstanceOf(SchemaRefusedError);
    expect(performance.now() - startedAt).toBeGreaterThan(600);
  });
});

/** The same registry behind a door that asks for a user and a password. */
async function guarded(user: string, password: string) {
  const wanted = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (request.headers.authorization !== wanted) return void response.writeHead(401).end('{}');
      const { method = 'GET', url: path = '' } = request;
      const body = chunks.length > 0 ? { body: Buffer.concat(chunks) } : {};
      const headers = { 'content-type': 'application/vnd.schemaregistry.v1+json' };
      fetch(new URL(path, url), { method, headers, ...body })
        .then(async (answer) => {
          response.writeHead(answer.status, { 'content-type': 'application/json' }).end(await answer.text());
        })
        .catch(() => response.writeHead(502).end());
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { pathname } = new URL(url);
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`;
  return { url: at, close: () => server.close() };
}

describe('a registry that asks who asks', () => {
  it('is told, and its no is passed on', async () => {
    const door = await guarded('jane', 'open:sesame');
    try {
      const { topicPrefix } = fresh();
      const registryOf = (registryUser: string, registryPassword: string) =>
        createRegistry({
          url: door.url,
          auth: registryAuth({ registryUser, registryPassword }),
          topicPrefix,
          logger: quiet,
          clock: systemClock,
        });
      const codec = await registryOf('jane', 'open:sesame').codec<DeadLetter>(TOPICS.deadLetters);
      expect({ ...codec.decode(codec.encode(letter)) }).toEqual(letter);
      await expect(registryOf('jane', 'wrong').codec(TOPICS.deadLetters)).rejects.toThrow(SchemaRefusedError);
      await expect(registryOf('', '').codec(TOPICS.deadLetters)).rejects.toThrow(SchemaRefusedError);
    } finally {
      door.close();
    }
  });
});
