import { createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openIngest, type Answer, type IngestWorld } from './ingest-world.ts';
import { sendPart } from './raw-http.ts';

let world: IngestWorld;
let workspace: Awaited<ReturnType<IngestWorld['workspace']>>;

beforeAll(async () => {
  world = await openIngest();
  workspace = await world.workspace({ abandonment_window_minutes: 5 });
});
afterAll(async () => {
  expect(await world.disagreements()).toEqual([]);
  await world.close();
});

const run = () => randomBytes(5).toString('hex');
const key = (role: 'ingest' | 'read' | 'write' = 'ingest') => ({ authorization: `Bearer ${workspace.keys[role]}` });
const line = (id: string, change: object = {}) =>
  JSON.stringify({
    type: 'cart_status',
    occurred_at: '2026-01-05T10:00:00Z',
    event_id: id,
    cart: { id, status: 'pending' },
    ...change,
  });
const lines = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => line(`${prefix}-${i}`));
const events = (body: BodyInit, headers: Record<string, string> = key()) => world.post('/v1/events', body, headers);
const idsOf = async (prefix: string) =>
  (await world.cartEvents())
    .filter(({ event_id }) => event_id.startsWith(prefix))
    .map(({ event_id }) => event_id)
    .sort();
const expectProblem = (answer: Answer, status: number): void =>
  expect(answer).toMatchObject({ status, type: 'application/problem+json', body: { status } });

describe('a bulk of events', () => {
  it('is in Kafka once its 200 is there', async () => {
    const prefix = run();
    expect(await events(lines(prefix, 3).join('\n'))).toMatchObject({
      status: 200,
      body: { accepted: 3, rejected: 0, errors: [] },
    });
    const kept = (await world.cartEvents()).filter(({ event_id }) => event_id.startsWith(prefix));
    expect(kept).toHaveLength(3);
    expect(kept.find(({ event_id }) => event_id === `${prefix}-0`)).toMatchObject({
      source: 'line',
      workspace: workspace.id,
      subscription_id: null,
      event_key: createHash('sha256').update(`${prefix}-0`).digest().subarray(0, 16),
      occurred_at: Date.parse('2026-01-05T10:00:00Z'),
      occurred_at_source: 'given',
      abandonment_window_ms: 300_000,
      body: Buffer.from(line(`${prefix}-0`)),
    });
  });

  it.each<[string, (text: string) => [BodyInit, Record<string, string>]]>([
    ['plain', (text) => [text, {}]],
    ['gzip by header', (text) => [gzipSync(text), { 'content-encoding': 'gzip' }]],
    ['gzip by its first bytes', (text) => [gzipSync(text), {}]],
    ['CRLF', (text) => [text.replaceAll('\n', '\r\n'), {}]],
    ['with a byte order mark', (text) => [`\ufeff${text}`, {}]],
    ['with blank lines', (text) => [`\n\n${text.replaceAll('\n', '\n \n')}\n\n`, {}]],
    ['of any content type', (text) => [text, { 'content-type': 'application/x-www-form-urlencoded' }]],
    [
      'without a length, in small pieces',
      (text) => [new Blob([text]).stream().pipeThrough(inPieces(777)), { 'content-type': 'application/x-ndjson' }],
    ],
  ])('is taken %s', async (_, encode) => {
    const prefix = run();
    const [body, headers] = encode(lines(prefix, 500).join('\n'));
    expect(await events(body, { ...key(), ...headers })).toMatchObject({
      status: 200,
      body: { accepted: 500, rejected: 0 },
    });
    expect(await idsOf(prefix)).toHaveLength(500);
  });

  it('is empty, and that is fine', async () => {
    expect(await events('')).toMatchObject({ status: 200, body: { accepted: 0, rejected: 0, errors: [] } });
  });

  it('has bad lines that do not spoil good ones, each a dead letter', async () => {
    const prefix = run();
    const bad = ['{"broken', line(`${prefix}-bad`, { occurred_at: 'yesterday' }), `"${'x'.repeat(1024 * 1024)}"`];
    const answer = await events(
      [line(`${prefix}-1`), bad[0], '', line(`${prefix}-2`), bad[1], bad[2], line(`${prefix}-3`)].join('\n'),
    );
    expect(answer).toMatchObject({
      status: 200,
      body: { accepted: 3, rejected: 3, errors: [{ line: 2 }, { line: 5 }, { line: 6 }] },
    });
    const errors = answer.body['errors'] as { line: number; message: string; dead_letter_id: string }[];
    expect(errors[1]!.message).toMatch(/^\/occurred_at: .*RFC 3339/);
    expect(await idsOf(prefix)).toEqual([`${prefix}-1`, `${prefix}-2`, `${prefix}-3`]);
    const letters = await world.deadLetters();
    for (const [index, error] of errors.entries()) {
      const letter = letters.find(({ dead_letter_id }) => dead_letter_id === error.dead_letter_id);
      expect(letter).toMatchObject({
        workspace: workspace.id,
        source: 'events',
        line: error.line,
        message: error.message,
        reason: ['not_json', 'bad_time', 'line_too_long'][index],
        body_truncated: index === 2,
      });
      expect(bad[index]!.startsWith(letter!.body.toString())).toBe(true);
    }
  });

  it('takes a line of exactly 1 MiB', async () => {
    const prefix = run();
    const bare = line(prefix, { cart: { id: prefix, status: 'a', note: '' } });
    const whole = bare.replace('"note":""', `"note":"${'x'.repeat(1024 * 1024 - bare.length)}"`);
    expect(whole).toHaveLength(1024 * 1024);
    expect((await events(`${whole}\n`)).body).toMatchObject({ accepted: 1, rejected: 0 });
    expect((await world.cartEvents()).find(({ event_id }) => event_id === prefix)!.body).toHaveLength(1024 * 1024);
  });

  it('sent again gives the same dead letters', async () => {
    const body = `{"a${run()}"\n`;
    const [first, second] = [await events(body), await events(body)];
    expect(second.body).toEqual(first.body);
  });

  it('stops after 10,000 rejected lines, having listed 100', async () => {
    const prefix = run();
    const body = [line(`${prefix}-1`), ...Array<string>(12_000).fill('{}'), line(`${prefix}-2`)].join('\n');
    const answer = await events(body);
    expectProblem(answer, 422);
    expect(answer.body).toMatchObject({ accepted: 1, rejected: 10_000 });
    expect(answer.body['errors']).toHaveLength(100);
    expect(await idsOf(prefix)).toEqual([`${prefix}-1`]);
  });

  it('takes a line that unpacks to 60 MiB for one that is too long, and refuses a zip bomb, in little memory', async () => {
    const [large, bomb] = [60, 300].map((mebibytes) => gzipSync(Buffer.alloc(mebibytes * 1024 * 1024, 0x61)));
    const before = process.memoryUsage().rss;
    expect((await events(large!)).body).toMatchObject({ accepted: 0, rejected: 1 });
    const refused = await events(bomb!);
    expectProblem(refused, 413);
    expect(refused.body).toMatchObject({ accepted: 0, rejected: 0 });
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 1024 * 1024);
  });
});

describe('a bulk that is not finished', () => {
  it('is 400 when its gzip breaks off, with the lines that are settled', async () => {
    const prefix = run();
    const packed = gzipSync(lines(prefix, 20_000).join('\n'));
    const answer = await events(packed.subarray(0, packed.length / 2));
    expectProblem(answer, 400);
    const accepted = answer.body['accepted'] as number;
    expect(accepted).toBeGreaterThan(5_000);
    expect(await idsOf(prefix)).toEqual(Array.from({ length: accepted }, (_, i) => `${prefix}-${i}`).sort());
  });

  it('is 400 when it says gzip and is none', async () => {
    expectProblem(await events('{}', { ...key(), 'content-encoding': 'gzip' }), 400);
  });

  it('keeps the whole lines of a connection that breaks, and never half a line', async () => {
    const prefix = run();
    const request = http.request(`${world.url}/v1/events`, { method: 'POST', headers: key() });
    request.on('error', () => undefined);
    request.write(`${lines(prefix, 2).join('\n')}\n${line(`${prefix}-half`)}`);
    await new Promise((resolve) => setTimeout(resolve, 300));
    request.destroy();
    await expect.poll(() => idsOf(prefix), { timeout: 5_000 }).toEqual([`${prefix}-0`, `${prefix}-1`]);
  });

  const halfSent = async (path: string, head: Record<string, string>, body: string | Buffer): Promise<Answer> => {
    const answer = await sendPart(`${world.url}${path}`, head, body);
    return { ...answer, type: answer.headers.get('content-type') };
  };

  it.each<[string, (text: string) => [Record<string, string>, string | Buffer]]>([
    ['with a length', (text) => [{ 'content-length': String(text.length + 100) }, text]],
    [
      'in chunks',
      (text) => [{ 'transfer-encoding': 'chunked' }, `${text.length.toString(16)}\r\n${text}\r\n64\r\nhalf a ch`],
    ],
    [
      'as gzip',
      (text) => {
        const packed = gzipSync(text);
        return [{ 'content-length': String(packed.length + 100), 'content-encoding': 'gzip' }, packed];
      },
    ],
  ])('is 400 with the lines that are settled when its sender ends it too early, %s', async (_, send) => {
    const prefix = run();
    const [head, body] = send(`${lines(prefix, 5000).join('\n')}\n{"type":"cart_st`);
    const answer = await halfSent('/v1/events', { ...key(), ...head }, body);
    expectProblem(answer, 400);
    expect(answer.body).toMatchObject({ accepted: 5000, rejected: 0, errors: [] });
    expect(await idsOf(prefix)).toHaveLength(5000);
  });

  it('is 400 also when nothing of it came, or it is a webhook', async () => {
    const head = { ...key(), 'content-length': '100' };
    const answer = await halfSent('/v1/people', head, '');
    expectProblem(answer, 400);
    expect(answer.body).toMatchObject({ accepted: 0 });
    expectProblem(await halfSent('/v1/webhooks/jane/sub_x', head, '{"cart":'), 400);
  });

  it('is 413 before a byte when its length says over 1 GiB', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { ...key(), 'content-length': String(1024 ** 3 + 1) };
      const request = http.request(`${world.url}/v1/events`, { method: 'POST', headers }, (response) => {
        resolve(response.statusCode);
        request.destroy();
      });
      request.on('error', reject);
      request.flushHeaders();
    });
    expect(status).toBe(413);
  });
});

describe('who may send in bulk', () => {
  it.each<[string, () => Record<string, string>, number]>([
    ['no key', () => ({}), 401],
    ['no key at all', () => ({ authorization: 'Bearer jt_ingest_nothing' }), 401],
    ['an unknown key', () => ({ authorization: `Bearer jt_ingest_${'x'.repeat(43)}` }), 401],
    ['a read key', () => key('read'), 403],
    ['an ingest key for another workspace', () => ({ ...key(), 'x-workspace': 'other' }), 403],
    ['an ingest key', () => key(), 200],
    ['an ingest key that names its own workspace', () => ({ ...key(), 'x-workspace': workspace.id }), 200],
    ['a write key', () => key('write'), 200],
    ['an admin key without a workspace', () => ({ authorization: `Bearer ${world.adminKey}` }), 400],
    [
      'an admin key with an unknown one',
      () => ({ authorization: `Bearer ${world.adminKey}`, 'x-workspace': 'nowhere' }),
      404,
    ],
    ['an admin key with one', () => ({ authorization: `Bearer ${world.adminKey}`, 'x-workspace': workspace.id }), 200],
  ])('%s: %3$i', async (_, headers, status) => {
    for (const path of ['/v1/events', '/v1/people']) {
      const answer = await world.post(path, '', headers());
      if (status === 200) expect(answer.status).toBe(200);
      else expectProblem(answer, status);
    }
  });

  it('never takes the workspace from a line', async () => {
    const answer = await events(line(run(), { workspace: 'other' }));
    expect(answer.body).toMatchObject({ accepted: 0, rejected: 1 });
  });

  it('is 415 for another encoding than gzip', async () => {
    expectProblem(await events('{}', { ...key(), 'content-encoding': 'br' }), 415);
  });
});

describe('records of people', () => {
  it('go to person-inputs, unreadable ones to the dead letters', async () => {
    const email = `${run()}@example.com`;
    const record = { occurred_at: '2026-01-05T10:00:00Z', email: email.toUpperCase(), phone: '(808) 555-0143' };
    const body = [
      JSON.stringify({ ...record, name: 'A', consent: { sms: 'opted_in', email: 'opted_out' } }),
      JSON.stringify({ occurred_at: '2026-01-05T10:00:00Z', phone: '12' }),
    ].join('\n');
    const answer = await world.post('/v1/people', gzipSync(body), key());
    expect(answer).toMatchObject({ status: 200, body: { accepted: 1, rejected: 1, errors: [{ line: 2 }] } });
    const inputs = (await world.personInputs()).filter(({ record: kept }) =>
      kept?.identifiers.some(({ value }) => value === email),
    );
    expect(inputs).toMatchObject([
      {
        kind: 'record',
        workspace: workspace.id,
        log_time: null,
        cart: null,
        record: {
          identifiers: [
            { kind: 'phone', value: '+18085550143' },
            { kind: 'email', value: email },
          ],
          name: 'A',
          sms_consent: 'opted_in',
          email_consent: 'opted_out',
        },
      },
    ]);
    const [error] = answer.body['errors'] as { dead_letter_id: string }[];
    const letters = await world.deadLetters();
    expect(letters.find(({ dead_letter_id }) => dead_letter_id === error!.dead_letter_id)).toMatchObject({
      source: 'people',
      reason: 'no_identifier',
    });
  });
});

/** Cuts a stream into pieces of a given number of bytes. */
function inPieces(bytes: number): TransformStream<Uint8Array, Uint8Array> {
  return new TransformStream({
    transform(chunk, controller) {
      for (let start = 0; start < chunk.length; start += bytes)
        controller.enqueue(chunk.subarray(start, start + bytes));
    },
  });
}
