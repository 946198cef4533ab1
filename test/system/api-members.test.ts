import { get, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createClickHouse, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { postLines, preview, waitFresh, waitUntil } from '../harness/client.ts';
import { openAcme, type AcmeWorld, type Page } from './api-world.ts';

/** Members of saved audiences in pages, and as an export, on a real installation whose ClickHouse is killed at the end. */

let world: AcmeWorld;
let client: ClickHouse;
beforeAll(async () => {
  world = await openAcme({ ownEngines: true });
  const { env } = world.installation;
  client = createClickHouse({
    url: `http://127.0.0.1:${env['CLICKHOUSE_HTTP_PORT'] ?? ''}`,
    database: env['CLICKHOUSE_DATABASE'] ?? 'jane_traits',
  });
  await fill();
});
afterAll(async () => {
  await client.close();
  await world.close();
});

const EVERYONE = { everyone: true };
const at = (minutesAgo: number): string => new Date(Date.now() - minutesAgo * 60_000).toISOString();

/** Alex has two phones and two addresses; Bea was merged; one person has a name that a spreadsheet would run. */
async function fill(): Promise<void> {
  const { installation, acme } = world;
  await postLines(installation, acme, 'people', [
    { occurred_at: at(90), user_id: 'u1', phone: '+18085550101', email: 'alex@example.com', name: 'Alex, "A"' },
    { occurred_at: at(80), user_id: 'u1', phone: '+18085550102', consent: { sms: 'opted_in' } },
    { occurred_at: at(70), user_id: 'u1', email: 'alex2@example.com', consent: { email: 'opted_out' } },
    { occurred_at: at(60), email: 'bea@example.com', name: 'Bea' },
    { occurred_at: at(50), user_id: 'u2', name: 'Not Bea yet' },
    { occurred_at: at(40), user_id: 'u2', email: 'bea@example.com', name: 'Bea B' },
    { occurred_at: at(30), user_id: '-7', name: '=1+1,"x"' },
  ]);
  const cart = { id: 'c1', status: 'preparing', customer_email_address: 'bea@example.com' };
  const later = { ...cart, status: 'finished' };
  await postLines(installation, acme, 'events', [
    { type: 'cart_status', occurred_at: at(20), cart },
    { type: 'cart_status', occurred_at: at(10), cart: later },
    { type: 'cart_activity', occurred_at: at(15), cart: { id: 'c2' } },
  ]);
  await waitFresh(installation, acme);
}

interface Member {
  person_id: string;
  name: string | null;
  [key: string]: string | null;
}
type Members = Page<Member> & { now: string; fresh_through: string | null };

async function save(audience: object = EVERYONE, change: object = {}): Promise<string> {
  const body = { name: 'Saved', audience, ...change };
  return (await world.ask<{ id: string }>('POST', '/v1/audiences', { key: world.acme.keys.write, body })).body.id;
}
const members = (id: string, query = '') =>
  world.ask<Members>('GET', `/v1/audiences/${id}/members${query}`, { key: world.acme.keys.read });
const exported = (id: string, query = '') =>
  world.ask<string>('GET', `/v1/audiences/${id}/export${query}`, { key: world.acme.keys.read });

const lines = (text: string): Member[] =>
  text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Member);

/** Cells by RFC 4180. */
function cells(text: string): string[][] {
  const rows: string[][] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  let row: string[] = [];
  for (const [, quoted, plain, end] of text.matchAll(cell)) {
    row.push(quoted?.replaceAll('""', '"') ?? plain ?? '');
    if (end === ',') continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

describe('members', () => {
  it('have the first phone and address of their profile, and the consents of these', async () => {
    const { body } = await members(await save());
    expect(body.next_cursor).toBeNull();
    expect(body.items.map(({ person_id }) => Number(person_id))).toEqual(
      body.items.map(({ person_id }) => Number(person_id)).sort((a, b) => a - b),
    );
    const byName = new Map(body.items.map(({ person_id: _, ...member }) => [member.name, member]));
    const profile = await world.ask<{
      items: { identifiers: Record<string, { value: string; consent: string | null }[]> }[];
    }>('GET', '/v1/people?user_id=u1', { key: world.acme.keys.read });
    const { phones, emails } = profile.body.items[0]!.identifiers;
    expect(phones).toHaveLength(2);
    expect(byName.get('Alex, "A"')).toEqual({
      name: 'Alex, "A"',
      phone: phones![0]!.value,
      sms_consent: phones![0]!.consent,
      email: emails![0]!.value,
      email_consent: emails![0]!.consent,
    });
    expect([...byName.keys()].sort()).toEqual(['=1+1,"x"', 'Alex, "A"', 'Bea B']);
    const { body: all } = await members(await save(EVERYONE, { include_anonymous: true }));
    expect(all.items).toHaveLength(4);
  });

  it('come in pages of one time and one version', async () => {
    const id = await save();
    const whole = await members(id);
    const first = await members(id, '?limit=1');
    const key = world.acme.keys.write;
    const nobody = { name: 'Changed', audience: { trait: 'cart_abandoned', store_id: ['none'] } };
    await world.ask('PUT', `/v1/audiences/${id}`, { key, headers: { 'if-match': '"1"' }, body: nobody });
    expect((await members(id)).body.items).toEqual([]);
    const seen = [...first.body.items];
    let cursor = first.body.next_cursor;
    while (cursor !== null) {
      const { body } = await members(id, `?limit=1&cursor=${cursor}`);
      expect(body.now).toBe(first.body.now);
      seen.push(...body.items);
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(whole.body.items);
  });

  it('are those of another version or workspace to nobody', async () => {
    const id = await save();
    const cursor = (position: unknown): string => Buffer.from(JSON.stringify(position)).toString('base64url');
    expect((await members(id, `?cursor=${cursor([1, 7, 0])}`)).status).toBe(404);
    expect((await members(id, `?cursor=${cursor([1])}`)).status).toBe(422);
    expect((await members(id, `?cursor=${cursor([-1, 1, 0])}`)).status).toBe(422);
    const last = await members(id, `?cursor=${cursor([Date.now(), 1, 2 ** 32 - 1])}`);
    expect(last.body.items).toEqual([]);
    for (const path of ['members', 'export']) {
      const question = { key: world.other.keys.read };
      expect(await world.statusOf('GET', `/v1/audiences/${id}/${path}`, question)).toBe(404);
    }
  });
});

describe('an export', () => {
  it('as NDJSON has the members unaltered, with the largest T of their records and carts', async () => {
    const id = await save();
    const { status, headers, body } = await exported(id, '?format=ndjson');
    expect(status).toBe(200);
    expect(headers.get('content-type')).toBe('application/x-ndjson');
    const rows = lines(body);
    const { body: page } = await members(id);
    const shown = rows.map(({ person_id, name, phone, email, sms_consent, email_consent }) => ({
      person_id,
      name,
      phone,
      email,
      sms_consent,
      email_consent,
    }));
    expect(shown.sort((a, b) => Number(a.person_id) - Number(b.person_id))).toEqual(page.items);
    expect(headers.get('x-count')).toBe(String(rows.length));
    expect(Date.parse(headers.get('x-fresh-through') ?? '')).toBeLessThanOrEqual(
      Date.parse(headers.get('x-now') ?? ''),
    );
    const bea = rows.find(({ name }) => name === 'Bea B');
    expect(bea).toMatchObject({ user_id: 'u2', phone: null });
    expect(Date.parse(bea?.['first_at'] ?? '')).toBeCloseTo(Date.parse(at(60)), -5);
    expect(Date.parse(bea?.['last_at'] ?? '')).toBeCloseTo(Date.parse(at(10)), -5);
    expect(rows.find(({ name }) => name?.startsWith('='))).toMatchObject({ name: '=1+1,"x"', user_id: '-7' });
  });

  it('as CSV has a header line and quotes, and no cell that a spreadsheet would run', async () => {
    const id = await save();
    const { headers, body } = await exported(id);
    expect(headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(headers.get('content-disposition')).toBe(`attachment; filename="${id}.csv"`);
    const [head, ...rows] = cells(body);
    expect(head).toEqual([
      'person_id',
      'name',
      'phone',
      'email',
      'user_id',
      'sms_consent',
      'email_consent',
      'first_at',
      'last_at',
    ]);
    expect(rows).toHaveLength(3);
    const { body: ndjson } = await exported(id, '?format=ndjson');
    const guarded = (value: string | null, column: string): string =>
      value !== null && column !== 'phone' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : (value ?? '');
    const expected = lines(ndjson).map((row) => head!.map((column) => guarded(row[column] ?? null, column)));
    const sorted = (all: string[][]) => all.sort((a, b) => Number(a[0]) - Number(b[0]));
    expect(sorted(rows)).toEqual(sorted(expected));
    expect(rows.flat()).toEqual(expect.arrayContaining([`'=1+1,"x"`, `'-7`]));
    expect(rows.map((row) => row[2]).filter((phone) => phone?.startsWith('+'))).toHaveLength(1);
  });

  it('of nobody has the header line alone', async () => {
    const id = await save({ trait: 'cart_abandoned', store_id: ['none'] });
    const { headers, body } = await exported(id);
    expect(cells(body)).toHaveLength(1);
    expect(headers.get('x-count')).toBe('0');
    expect((await exported(id, '?format=ndjson')).body).toBe('');
    expect((await exported(id, '?format=xml')).status).toBe(422);
  });
});

/** People who are in ClickHouse alone. */
const MANY = 300_000;

/** An export of many people whose client reads only what it asks for. */
async function openExport(): Promise<IncomingMessage> {
  const id = await save();
  const { apiUrl } = world.installation;
  const headers = { authorization: `Bearer ${world.acme.keys.read}` };
  return new Promise<IncomingMessage>((resolve, reject) => {
    get(`${apiUrl}/v1/audiences/${id}/export?format=ndjson`, { headers }, resolve).on('error', reject);
  });
}

async function running(): Promise<number> {
  const result = await client.query({
    query: `SELECT count() AS n FROM system.processes WHERE query LIKE '%bitmapCardinality(result) AS total%'
      AND query NOT LIKE '%system.processes%'`,
    format: 'JSONEachRow',
  });
  const [row] = await result.json<{ n: string }>();
  return Number(row?.n);
}

describe('an export of many people', () => {
  beforeAll(async () => {
    await client.command({
      query: `INSERT INTO people (workspace, person_id, anonymous, name, first_at, last_at, phones, phone_consents, version)
        SELECT {workspace:String}, 1000 + number, 0, repeat('n', 40), now64(3) - 100, now64(3) - 50, ['+1'], [''], 1
        FROM numbers(${MANY})`,
      query_params: { workspace: world.acme.id },
    });
  });

  it('is read by a client to its end', async () => {
    const response = await openExport();
    let rows = 0;
    for await (const chunk of response) for (const byte of chunk as Buffer) if (byte === 10) rows++;
    expect(rows).toBe(MANY + 3);
    expect(response.headers['x-count']).toBe(String(rows));
    const { count } = await preview(world.installation, world.acme, { everyone: true });
    expect(count).toBe(rows);
  });

  it('is stopped in ClickHouse when its client goes away, and leaves its place in the queue', async () => {
    // More than may run at once.
    for (let i = 0; i < 5; i++) {
      const response = await openExport();
      await waitUntil('it runs', async () => (await running()) === 1);
      response.destroy();
      await waitUntil('it has been stopped', async () => (await running()) === 0);
    }
  });

  it('is broken off when ClickHouse dies in the middle, never ended as if whole', async () => {
    const response = await openExport();
    await waitUntil('it runs', async () => (await running()) === 1);
    await world.installation.kill9('clickhouse');
    const read = (async () => {
      let rows = 0;
      for await (const chunk of response) for (const byte of chunk as Buffer) if (byte === 10) rows++;
      return rows;
    })();
    await expect(read).rejects.toThrow(/aborted|ECONNRESET|terminated/);
    expect(response.complete).toBe(false);
  });
});
