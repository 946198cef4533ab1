import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import type { Context } from 'hono';
import { HttpProblem } from '../../lib/http/index.ts';

/** The request's body as a Node stream: the socket's own where there is one (much faster than a web stream). */
export function bodyStream(c: Context): Readable {
  const incoming = (c.env as { incoming?: IncomingMessage } | undefined)?.incoming;
  if (incoming !== undefined) return incoming;
  const { body } = c.req.raw;
  return body === null ? Readable.from([]) : Readable.fromWeb(body as ReadableStream);
}

/** How long the whole of a small body may take. */
const BODY_TIMEOUT_MS = 30_000;

/** What a piece of a body costs in memory besides its bytes, about: many tiny ones are not free. */
const PIECE_BYTES = 128;

/**
 * Reads a small body. `reserve` is told what each piece takes in memory (bytes) before it is kept, and throws when
 * there is no room. Throws HttpProblem: 413 as soon as it is over the limit, with or without a length; 408 when it
 * takes too long; 400 when it breaks off; and what `reserve` throws.
 */
export function readSmallBody(
  stream: Readable,
  length: string | undefined,
  maxBytes: number,
  reserve: (bytes: number) => void,
): Promise<Buffer> {
  const tooLarge = (): HttpProblem =>
    new HttpProblem(413, `the body is over ${maxBytes} bytes; send one cart in each webhook`);
  if (Number(length ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const end = (): void => {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('error', onBroken).off('close', onBroken);
    };
    const fail = (error: unknown): void => {
      end();
      // It is answered; that it breaks off after that must not end the process.
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
    const timer = setTimeout(
      () => fail(new HttpProblem(408, 'the body did not arrive in time; send it again')),
      BODY_TIMEOUT_MS,
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
