import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { EXPORT_FORMATS } from './export-format.ts';
import { ExportBrokenError, exportStream } from './export-stream.ts';
import type { ExportRow } from './member-rows.ts';

const { csv, ndjson } = EXPORT_FORMATS;
const row = (name: string | null, phone: string | null = null, total = 1): ExportRow => [
  total,
  '7',
  name,
  phone,
  null,
  null,
  null,
  null,
  '2026-01-01T00:00:00.000Z',
  '2026-01-02T00:00:00.000Z',
];
const TIMES = '2026-01-01T00:00:00.000Z,2026-01-02T00:00:00.000Z';

describe('CSV', () => {
  it.each([
    [null, ''],
    ['Jane Doe', 'Jane Doe'],
    ['Doe, Jane', '"Doe, Jane"'],
    ['"J"', '"""J"""'],
    ['a\nb', '"a\nb"'],
    ['a\rb', '"a\rb"'],
    ['=1+1', "'=1+1"],
    ['+1', "'+1"],
    ['-1', "'-1"],
    ['@a', "'@a"],
    ['\ta', "'\ta"],
    ['\ra', '"\'\ra"'],
    ['=a,b', `"'=a,b"`],
    ['a=1', 'a=1'],
  ])('writes the name %j as %s', (name, cell) => {
    expect(csv.write([row(name)])).toBe(`7,${cell},,,,,,${TIMES}\r\n`);
  });

  it('leaves phones as they are', () => {
    expect(csv.write([row('J', '+18085550101')])).toBe(`7,J,+18085550101,,,,,${TIMES}\r\n`);
  });

  it('begins with the names of the columns, without a byte order mark', () => {
    expect(csv.head).toBe('person_id,name,phone,email,user_id,sms_consent,email_consent,first_at,last_at\r\n');
  });
});

it('NDJSON leaves values as they are', () => {
  const [line] = ndjson.write([row('=1\n"x"', '+1')]).split(/(?<=\n)/);
  expect(JSON.parse(line!)).toEqual({
    person_id: '7',
    name: '=1\n"x"',
    phone: '+1',
    email: null,
    user_id: null,
    sms_consent: null,
    email_consent: null,
    first_at: '2026-01-01T00:00:00.000Z',
    last_at: '2026-01-02T00:00:00.000Z',
  });
});

describe('the stream of an export', () => {
  async function read(batches: (ExportRow[] | Error)[]) {
    let asked = 0;
    let isClosed = false;
    const broken: unknown[] = [];
    const clock = new ManualClock();
    async function* rows() {
      try {
        for (const batch of batches) {
          asked++;
          if (batch instanceof Error) throw batch;
          yield await Promise.resolve(batch);
        }
      } finally {
        isClosed = true;
      }
    }
    const { count, body } = await exportStream({
      rows: rows(),
      format: ndjson,
      signal: new AbortController().signal,
      onBroken: (error) => broken.push(error),
      clock,
    });
    return { clock, count, body, broken, asked: () => asked, isClosed: () => isClosed };
  }
  const three = (): ExportRow[] => [row('a', null, 3), row('b', null, 3), row('c', null, 3)];

  it('has as many rows as the first one says', async () => {
    const { count, body, isClosed } = await read([three().slice(0, 2), three().slice(2)]);
    expect(count).toBe(3);
    expect((await new Response(body).text()).split('\n')).toHaveLength(4);
    expect(isClosed()).toBe(true);
  });

  it('fails after rows that are too few, without an end', async () => {
    const { body, broken } = await read([three().slice(0, 2)]);
    await expect(new Response(body).text()).rejects.toThrow('2 of 3 rows were read');
    expect(broken).toEqual([expect.any(ExportBrokenError)]);
  });

  it('fails as its rows do', async () => {
    const fault = new Error('ClickHouse is gone');
    const { body, broken } = await read([three().slice(0, 2), fault]);
    await expect(new Response(body).text()).rejects.toThrow(fault);
    expect(broken).toEqual([fault]);
  });

  it('reads no further than its client does, and closes the rows when the client goes away', async () => {
    const { body, broken, asked, isClosed } = await read(three().map((one) => [one]));
    expect(asked()).toBeLessThanOrEqual(2);
    await body.cancel();
    expect(isClosed()).toBe(true);
    expect(broken).toEqual([]);
  });

  it('is broken off when its client reads nothing for a minute', async () => {
    const { body, broken, clock, isClosed } = await read(three().map((one) => [one]));
    const reader = body.getReader();
    await reader.read();
    await clock.advance(59_000);
    await reader.read();
    await clock.advance(59_000);
    expect(broken).toEqual([]);
    await clock.advance(1_000);
    await expect(reader.read()).rejects.toThrow(ExportBrokenError);
    expect(broken).toHaveLength(1);
    expect(isClosed()).toBe(true);
  });

  it('of nobody is empty', async () => {
    const { count, body } = await read([]);
    expect(count).toBe(0);
    expect(await new Response(body).text()).toBe('');
  });
});
