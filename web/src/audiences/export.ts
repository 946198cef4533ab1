/** An export, read as a stream so that its progress can be shown, and stored only if it is complete. */
import { ApiError, bodyOf, type ApiClient } from '../data/api.ts';
import { dayIn } from '../design/time.ts';

export type Format = 'csv' | 'ndjson';

export interface Progress {
  /** Rows received; a row of CSV that contains line breaks counts more than once. */
  rows: number;
  bytes: number;
  /** The number of rows of the complete answer. */
  total: number;
}

export interface Exported {
  file: Blob;
  /** The time of the evaluation, RFC 3339. */
  now: string;
  rows: number;
}

const LINE_FEED = 0x0a;

/**
 * Reads an export to its end. Throws ApiError, with status 0 when the answer was broken off: what was read so far is not
 * the whole audience.
 */
export async function readExport(
  api: ApiClient,
  { id, format }: { id: string; format: Format },
  onProgress: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<Exported> {
  const request = api.GET('/v1/audiences/{id}/export', {
    params: { path: { id }, query: { format } },
    parseAs: 'stream',
    signal,
  });
  const { response } = await request.catch(() => ({ response: null }));
  const stream = (await bodyOf(request)) as unknown as ReadableStream<Uint8Array<ArrayBuffer>>;
  const total = Number(response?.headers.get('x-count') ?? 0);
  const now = response?.headers.get('x-now') ?? '';
  const parts: BlobPart[] = [];
  const headings = format === 'csv' ? 1 : 0;
  let [rows, bytes] = [-headings, 0];
  const reader = stream.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      parts.push(value);
      bytes += value.length;
      for (const byte of value) if (byte === LINE_FEED) rows += 1;
      onProgress({ rows: Math.min(Math.max(0, rows), total), bytes, total });
    }
  } catch (error) {
    if (signal.aborted) throw error;
    const detail = 'The answer broke off before its end, so nothing was stored. Try again.';
    throw new ApiError({ title: 'The export broke off', detail, status: 0 }, undefined, { cause: error });
  }
  return { file: new Blob(parts, { type: format === 'csv' ? 'text/csv' : 'application/x-ndjson' }), now, rows: total };
}

/** Stores a file under a name, as a download. */
export function download(file: Blob, name: string): void {
  const url = URL.createObjectURL(file);
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads the file after the click.
  window.setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** `Win back: 30 min` of 17 March, in the zone of the workspace → `win-back-30-min-2026-03-17.csv`. */
export function fileName(name: string, now: string, timeZone: string, format: Format): string {
  const words = name
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '-')
    .replaceAll(/^-+|-+$/g, '');
  const day = now === '' ? '' : dayIn(timeZone, Date.parse(now));
  return `${[words === '' ? 'audience' : words, day].filter((part) => part !== '').join('-')}.${format}`;
}
