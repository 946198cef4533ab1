import type { Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import type { Clock } from '../../lib/clock/index.ts';
import { ChunkQueue, IdleError } from './chunk-queue.ts';

/** The body broke off, or is not in the encoding that it declares. Everything before that point is valid. */
export class BrokenBodyError extends Error {
  override readonly name = 'BrokenBodyError';
}
/** The body exceeds a limit, on the wire or decompressed. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

export interface DecodeLimits {
  /** Bytes on the wire. */
  maxWireBytes: number;
  /** A sender that delivers nothing for this long is disconnected. */
  idleTimeoutMs: number;
  /** After `rateGraceMs` of waiting for the sender, a slower one is disconnected. */
  minBytesPerSecond: number;
  rateGraceMs: number;
  /** Beyond `freeBytes` decompressed, each byte on the wire may decompress to at most `maxRatio`. */
  freeBytes: number;
  maxRatio: number;
}

export const DECODE_LIMITS: DecodeLimits = {
  maxWireBytes: 1024 ** 3,
  idleTimeoutMs: 120_000,
  minBytesPerSecond: 1024,
  rateGraceMs: 120_000,
  freeBytes: 64 * 1024 ** 2,
  maxRatio: 200,
};

const CHUNK_BYTES = 64 * 1024;
const MAX_QUEUED_CHUNKS = 8;

/**
 * The bytes of a body, decompressed if they are gzip (by `declaredGzip` or by their first two bytes), as they arrive
 * and no faster than they are taken. Throws BrokenBodyError and BodyTooLargeError after everything that was valid
 * before. Leaves the body open when the caller stops early, so that a response can still be sent.
 */
export async function* decode(
  body: Readable,
  declaredGzip: boolean,
  limits: DecodeLimits,
  clock: Clock,
  onWireBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<Buffer> {
  const wire = new Wire(body, limits, clock, onWireBytes);
  try {
    let head: Buffer = Buffer.alloc(0);
    while (head.length < 2) {
      const chunk = await wire.next();
      if (chunk === undefined) break;
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    }
    if (head.length === 0) return;
    const isGzip = head[0] === 0x1f && head[1] === 0x8b;
    if (declaredGzip && !isGzip) throw new BrokenBodyError('its content encoding is gzip, but it is not gzip data');
    if (isGzip) yield* gunzip(head, wire, limits, clock);
    else for (let chunk: Buffer | undefined = head; chunk !== undefined; chunk = await wire.next()) yield chunk;
  } finally {
    wire.stop();
  }
}

/** The body as it arrives over the wire, within its limits. */
class Wire {
  bytes = 0;
  private readonly chunks: ChunkQueue;
  private waitedMs = 0;

  constructor(
    body: Readable,
    private readonly limits: DecodeLimits,
    private readonly clock: Clock,
    private readonly onBytes: (bytes: number) => void,
  ) {
    this.chunks = new ChunkQueue(body, MAX_QUEUED_CHUNKS, clock);
  }

  async next(): Promise<Buffer | undefined> {
    const startMs = this.clock.elapsedMs();
    const chunk = await this.chunks.next(this.limits.idleTimeoutMs).catch((error: unknown) => {
      const what = error instanceof IdleError ? error.message : 'the connection broke';
      throw new BrokenBodyError(what, { cause: error });
    });
    this.bytes += chunk?.length ?? 0;
    this.onBytes(chunk?.length ?? 0);
    this.waitedMs += this.clock.elapsedMs() - startMs;
    const { minBytesPerSecond, rateGraceMs } = this.limits;
    if (chunk !== undefined && this.waitedMs > rateGraceMs && this.bytes * 1000 < minBytesPerSecond * this.waitedMs)
      throw new BrokenBodyError(`it arrived at less than ${minBytesPerSecond} bytes per second`);
    if (this.bytes > this.limits.maxWireBytes)
      throw new BodyTooLargeError(`it is larger than ${this.limits.maxWireBytes} bytes`);
    return chunk;
  }

  stop(): void {
    this.chunks.stop();
  }
}

async function* gunzip(head: Buffer, wire: Wire, limits: DecodeLimits, clock: Clock): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const chunks = new ChunkQueue(unzip, MAX_QUEUED_CHUNKS, clock);
  let unpacked = 0;
  const feeding = feed(unzip, head, wire);
  // The wire's error is the one to report: truncated gzip data only follows from it.
  let wireFailure: unknown;
  feeding.catch((error: unknown) => {
    wireFailure = error;
    unzip.destroy();
  });
  try {
    for (;;) {
      const chunk = await chunks.next().catch((error: unknown) => {
        throw wireFailure ?? new BrokenBodyError('its gzip data is corrupt or truncated', { cause: error });
      });
      if (chunk === undefined) return;
      unpacked += chunk.length;
      if (unpacked > limits.freeBytes && unpacked > wire.bytes * limits.maxRatio)
        throw new BodyTooLargeError(`it decompresses to more than ${limits.maxRatio} times its size`);
      yield chunk;
    }
  } finally {
    chunks.stop();
    unzip.on('error', () => undefined).destroy();
  }
}

/** Feeds the wire's bytes to the decompressor, no faster than it takes them; ends when either does. */
async function feed(unzip: Gunzip, head: Buffer, wire: Wire): Promise<void> {
  for (let chunk: Buffer | undefined = head; chunk !== undefined; chunk = await wire.next()) {
    if (!unzip.write(chunk)) await roomIn(unzip);
    if (unzip.destroyed) return;
  }
  unzip.end();
}

const roomIn = (stream: Gunzip): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      stream.off('drain', done).off('close', done).off('error', done);
      resolve();
    };
    if (stream.destroyed) return resolve();
    stream.on('drain', done).on('close', done).on('error', done);
  });

/** Reads and discards the rest of a body, within bounds, so that a client that sends all before it reads gets its response. */
export async function drain(
  body: Readable,
  { clock, maxBytes, timeoutMs }: { clock: Clock; maxBytes: number; timeoutMs: number },
): Promise<void> {
  if (body.readableEnded || body.destroyed) return;
  const finished = new AbortController();
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const done = (): void => {
      finished.abort();
      body.off('data', onData).off('end', done).off('error', done).off('close', done);
      body.pause();
      resolve();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) done();
    };
    void clock.sleep(timeoutMs, finished.signal).then(done);
    body.on('data', onData).on('end', done).on('error', done).on('close', done);
    body.resume();
  });
}
