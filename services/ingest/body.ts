import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Context } from 'hono';
import type { Deadlines } from '../../lib/clock/index.ts';
import { HttpProblem } from '../../lib/http/index.ts';

/** The request's body as a Node stream: the socket's own where there is one (much faster than a web stream). */
export function bodyStream(c: Context): Readable {
  const incoming = (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;
  if (incoming !== undefined) return incoming;
  const { body } = c.req.raw;
  return body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream);
}

/** How long the whole of a small body may take. */
export const BODY_TIMEOUT_MS = 30_000;

/** Memory that a piece of a body takes besides its bytes, roughly: many tiny ones are not free. */
const PIECE_BYTES = 128;

/**
 * Reads a small body. `reserve` is called with the memory (bytes) of each piece before it is kept, and throws when no memory is left. Throws HttpProblem: 413 as soon as the body exceeds the limit, with or without a length; 408 at
 * its deadline; 400 when it breaks off; and the errors of `reserve`.
 */
export function readSmallBody(
  stream: Readable,
  length: string | undefined,
  maxBytes: number,
  reserve: (bytes: number) => void,
  deadlines: Pick<Deadlines, 'start'>,
): Promise<Buffer> {
  const tooLarge = (): HttpProblem =>
    new HttpProblem(413, `the body is larger than ${maxBytes} bytes; send one cart per webhook`);
  if (Number(length ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (): void => {
      endDeadline();
      stream.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    };
    const fail = (error: unknown): void => {
      end();
      // The response is decided; an error of the stream after that must not end the process.
      stream.on('error', () => undefined).pause();
      reject(error as Error);
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      try {
        if (size > maxBytes) throw tooLarge();
        reserve(chunk.length + PIECE_BYTES);
        chunks.push(chunk);
      } catch (error) {
        fail(error);
      }
    };
    const onEnd = (): void => {
      end();
      resolve(chunks.length === 1 ? chunks[0]! : Buffer.concat(chunks));
    };
    const onBroken = (): void => fail(new HttpProblem(400, 'the body broke off; send it again'));
    const endDeadline = deadlines.start(() =>
      fail(new HttpProblem(408, 'the body did not arrive in time; send it again')),
    );
    stream.on('data', onData).on('end', onEnd).on('error', onBroken).on('close', onBroken);
  });
}

/** Whether a body that is given with this header is JSON; absent counts as JSON. */
export const isJsonType = (contentType: string | undefined): boolean =>
  contentType === undefined || /^\s*(?:application|text)\/(?:[\w.!#$&^+-]+\+)?json\s*(?:;|$)/i.test(contentType);

/** The content encoding that this header names, undefined for none. */
export function encodingOf(contentEncoding: string | undefined): string | undefined {
  const encoding = contentEncoding?.trim().toLowerCase();
  return encoding === undefined || encoding === '' || encoding === 'identity' ? undefined : encoding;
}
