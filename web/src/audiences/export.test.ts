import { describe, expect, it } from 'vitest';
import { ApiError, createApiClient } from '../../../lib/client/index.ts';
import { fileName, readExport, type Progress } from './export.ts';

const HEADERS = { 'content-type': 'text/csv', 'x-count': '2', 'x-now': '2026-03-17T06:30:05.000Z' };

/** An API whose export sends these chunks, and then ends or breaks off. */
function apiSending(chunks: readonly string[], broken = false) {
  const rest = [...chunks];
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      const next = rest.shift();
      if (next !== undefined) controller.enqueue(new TextEncoder().encode(next));
      else if (broken) controller.error(new TypeError('network error'));
      else controller.close();
    },
  });
  const fetch = (): Promise<Response> => Promise.resolve(new Response(stream, { headers: HEADERS }));
  return createApiClient({ baseUrl: 'http://api.test', key: 'jt_read_x', fetch });
}

const read = (chunks: readonly string[], broken = false, seen: Progress[] = []) =>
  readExport(
    apiSending(chunks, broken),
    { id: 'aud_1', format: 'csv' },
    (progress) => seen.push(progress),
    new AbortController().signal,
  );

describe('an export', () => {
  it('is stored whole, and says how far it is', async () => {
    const seen: Progress[] = [];
    const exported = await read(['person_id,name\r\n1,Ann\r\n', '2,Ben\r\n'], false, seen);
    expect(await exported.file.text()).toBe('person_id,name\r\n1,Ann\r\n2,Ben\r\n');
    expect(exported).toMatchObject({ rows: 2, now: HEADERS['x-now'] });
    expect(seen.map(({ rows, total }) => `${rows}/${total}`)).toEqual(['1/2', '2/2']);
  });

  it('is not stored when it is broken off', async () => {
    const failure = await read(['person_id,name\r\n1,Ann\r\n'], true).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(ApiError);
    expect((failure as ApiError).status).toBe(0);
    expect((failure as ApiError).message).toContain('nothing was stored');
  });

  it('has a file name of the audience and the day in the zone of the workspace', () => {
    const now = HEADERS['x-now'];
    expect(fileName('Win back: 30 min', now, 'UTC', 'csv')).toBe('win-back-30-min-2026-03-17.csv');
    expect(fileName('…', '', 'UTC', 'ndjson')).toBe('audience.ndjson');
    expect(fileName('Kāneʻohe', now, 'Pacific/Honolulu', 'csv')).toBe('kāneʻohe-2026-03-16.csv');
  });
});
