import type { Readable } from 'node:stream';
import { createGunzip, type Gunzip } from 'node:zlib';
import { Flow, IdleError } from './flow.ts';

/** The body broke off, or is not what it says: everything before it was good. */
export class BrokenBodyError extends Error {
  override readonly name = 'BrokenBodyError';
}
/** More than is taken, on the wire or unpacked. */
export class BodyTooLargeError extends Error {
  override readonly name = 'BodyTooLargeError';
}

export interface DecodeLimits {
  /** Bytes on the wire. */
  maxWireBytes: number;
  /** Without a byte for so long, the sender is given up. */
  idleTimeoutMs: number;
  /** Slower than this, on the wire and apart from what waits here, is given up after the grace. */
  minBytesPerSecond: number;
  rateGraceMs: number;
  /** Past `freeBytes` unpacked, each byte on the wire may unpack to at most `maxRatio`. */
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
 * The bytes of a body, unpacked if they are gzip (by `declaredGzip` or by their first two bytes), as they come and
 * no faster than they are taken. Throws BrokenBodyError and BodyTooLargeError, after everything that was good before
 * them. Leaves the body open when it is left early, so that an answer can still be sent.
 */
export async function* decode(
  body: Readable,
  declaredGzip: boolean,
  limits: DecodeLimits,
  onWireBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<Buffer> {
  const wire = new Wire(body, limits, onWireBytes);
  try {
    let head: Buffer = Buffer.alloc(0);
    while (head.length < 2) {
      const chunk = await wire.next();
      if (chunk === undefined) break;
      head = head.length === 0 ? chunk : Buffer.concat([head, chunk]);
    }
    if (head.length === 0) return;
    const isGzip = head[0] === 0x1f && head[1] === 0x8b;
    if (declaredGzip && !isGzip) throw new BrokenBodyError('its content encoding says gzip, and it is none');
    if (isGzip) yield* gunzip(head, wire, limits);
    else for (let chunk: Buffer | undefined = head; chunk !== undefined; chunk = await wire.next()) yield chunk;
  } finally {
    wire.stop();
  }
}

/** The body as it comes over the wire, within its limits. */
class Wire {
  bytes = 0;
  private readonly flow: Flow;
  private waitedMs = 0;

  constructor(
    body: Readable,
    private readonly limits: DecodeLimits,
    private readonly onBytes: (bytes: number) => void,
  ) {
    this.flow = new Flow(body, MAX_QUEUED_CHUNKS);
  }

  async next(): Promise<Buffer | undefined> {
    const startMs = performance.now();
    const chunk = await this.flow.next(this.limits.idleTimeoutMs).catch((error: unknown) => {
      const what = error instanceof IdleError ? error.message : 'the connection broke';
      throw new BrokenBodyError(what, { cause: error });
    });
    this.bytes += chunk?.length ?? 0;
    this.onBytes(chunk?.length ?? 0);
    this.waitedMs += performance.now() - startMs;
    const { minBytesPerSecond, rateGraceMs } = this.limits;
    if (chunk !== undefined && this.waitedMs > rateGraceMs && this.bytes * 1000 < minBytesPerSecond * this.waitedMs)
      throw new BrokenBodyError(`it came at under ${minBytesPerSecond} bytes a second`);
    if (this.bytes > this.limits.maxWireBytes)
      throw new BodyTooLargeError(`it is over ${this.limits.maxWireBytes} bytes`);
    return chunk;
  }

  stop(): void {
    this.flow.stop();
  }
}

async function* gunzip(head: Buffer, wire: Wire, limits: DecodeLimits): AsyncGenerator<Buffer> {
  const unzip = createGunzip({ chunkSize: CHUNK_BYTES });
  const unpackedFlow = new Flow(unzip, MAX_QUEUED_CHUNKS);
  let unpacked = 0;
  const feeding = feed(unzip, head, wire);
  // The wire's error is the one to tell of: gzip that ends too early is only what follows from it.
  let wireFailure: unknown;
  feeding.catch((error: unknown) => {
    wireFailure = error;
    unzip.destroy();
  });
  try {
    for (;;) {
      const chunk = await unpackedFlow.next().catch((error: unknown) => {
        throw wireFailure ?? new BrokenBodyError('its gzip is broken or ends too early', { cause: error });
      });
      if (chunk === undefined) return;
      unpacked += chunk.length;
      if (unpacked > limits.freeBytes && unpacked > wire.bytes * limits.maxRatio)
        throw new BodyTooLargeError(`it unpacks to over ${limits.maxRatio} times its size`);
      yield chunk;
    }
  } finally {
    unpackedFlow.stop();
    unzip.on('error', () => undefined).destroy();
  }
}

/** Puts the wire's bytes into the unzip, at its pace; ends when either does. */
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

/**
 * Reads and drops what is left of a body, within bounds: a client that sends all before it listens hears the answer.
 */
export async function drain(
  body: Readable,
  { maxBytes, timeoutMs }: { maxBytes: number; timeoutMs: number },
): Promise<void> {
  if (body.readableEnded || body.destroyed) return;
  await new Promise<void>((resolve) => {
    let bytes = 0;
    const done = (): void => {
      clearTimeout(timer);
      body.off('data', onData).off('end', done).off('error', done).off('close', done);
      body.pause();
      resolve();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > maxBytes) done();
    };
    const timer = setTimeout(done, timeoutMs);
    body.on('data', onData).on('end', done).on('error', done).on('close', done);
    body.resume();
  });
}
