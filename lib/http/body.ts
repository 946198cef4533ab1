import type { Context } from 'hono';
import type { Clock } from '../clock/index.ts';
import { HttpProblem } from './problem.ts';

const BODY_MAX_BYTES = 1024 * 1024;
/** How long the whole of a body may take. */
const BODY_TIMEOUT_MS = 30_000;

export interface BodyOptions {
  clock: Clock;
  maxBytes?: number | undefined;
  /** An empty body counts as `{}`. */
  optional?: boolean | undefined;
}

/**
 * The body as JSON, and its text; the content type is not checked. Throws what readBody throws, and 400 for a body that
 * is not JSON.
 */
export async function readJson(c: Context, options: BodyOptions): Promise<{ text: string; value: unknown }> {
  const bytes = await readBody(c, options);
  if (bytes.length === 0 && options.optional) return { text: '', value: {} };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { text, value: JSON.parse(text) as unknown };
  } catch (error) {
    throw new HttpProblem(400, 'the body is not JSON', { cause: error });
  }
}

/**
 * The raw body. Throws 413 as soon as it is over the limit, with or without a length, 408 when it takes too long, 400
 * when it breaks off.
 */
async function readBody(c: Context, { clock, maxBytes = BODY_MAX_BYTES }: BodyOptions): Promise<Buffer> {
  const tooLarge = (): HttpProblem => new HttpProblem(413, `the body is larger than ${maxBytes} bytes`);
  if (Number(c.req.header('content-length') ?? 0) > maxBytes) throw tooLarge();
  const { body } = c.req.raw;
  if (!body) return Buffer.alloc(0);
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = body.getReader();
  const done = new AbortController();
  const late = clock.sleep(BODY_TIMEOUT_MS, done.signal).then(() => 'late' as const);
  try {
    for (;;) {
      const next = await Promise.race([reader.read(), late]);
      if (next === 'late') throw timedOut();
      if (next.done) return Buffer.concat(chunks);
      size += next.value.length;
      if (size > maxBytes) throw tooLarge();
      chunks.push(next.value);
    }
  } catch (error) {
    // Not awaited: a client that sends nothing would delay the answer.
    reader.cancel().catch(() => undefined);
    if (error instanceof HttpProblem) throw error;
    throw new HttpProblem(400, 'the body broke off; send it again', { cause: error });
  } finally {
    done.abort();
  }
}

/** The rest of the body is not read, so the connection ends with the answer. */
const timedOut = (): HttpProblem =>
  new HttpProblem(408, 'the body did not arrive in time; send it again', { headers: { connection: 'close' } });
