import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import { BodyTooLargeError, BrokenBodyError, decode, drain, DECODE_LIMITS } from './decode.ts';

const pieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
const streamOf = (bytes: Buffer, size = 1000) => Readable.from(pieces(bytes, size), { objectMode: false });
async function read(body: Readable, gzip = false, limits = DECODE_LIMITS) {
  const chunks: Buffer[] = [];
  let failure: unknown;
  try {
    for await (const chunk of decode(body, gzip, limits, systemClock)) chunks.push(chunk);
  } catch (error) {
    failure = error;
  }
  return { bytes: Buffer.concat(chunks), failure };
}
const noise = randomBytes(300_000);

describe('decode', () => {
  it.each([1, 7, 1000, 1_000_000])('passes plain bytes on, in pieces of %i', async (size) => {
    const plain = Buffer.concat([Buffer.from('{'), noise.subarray(0, 20_000)]);
    expect(await read(streamOf(plain, size))).toEqual({ bytes: plain, failure: undefined });
  });

  it.each([1, 7, 1000, 1_000_000])('unpacks gzip by its first bytes, in pieces of %i', async (size) => {
    const part = noise.subarray(0, 20_000);
    expect(await read(streamOf(gzipSync(part), size))).toEqual({ bytes: part, failure: undefined });
  });

  it('unpacks several members after one another', async () => {
    const members = Buffer.concat([gzipSync('a\n'), gzipSync('b\n')]);
    expect((await read(streamOf(members, 5), true)).bytes.toString()).toBe('a\nb\n');
  });

  it.each([[Buffer.alloc(0)], [Buffer.from('x')]])('is content with %j', async (bytes) => {
    expect(await read(streamOf(bytes))).toEqual({ bytes, failure: undefined });
  });

  it('refuses what says gzip and is none', async () => {
    expect((await read(streamOf(Buffer.from('{}')), true)).failure).toBeInstanceOf(BrokenBodyError);
  });

  it('gives everything that was good before gzip breaks off', async () => {
    const packed = gzipSync(noise);
    const { bytes, failure } = await read(streamOf(packed.subarray(0, packed.length - 2000), 1000));
    expect(failure).toBeInstanceOf(BrokenBodyError);
    expect(bytes.length).toBeGreaterThan(200_000);
    expect(noise.subarray(0, bytes.length).equals(bytes)).toBe(true);
  });

  it('sees corrupt gzip', async () => {
    const packed = gzipSync(noise);
    packed.fill(0xff, 100_000, 100_100);
    expect((await read(streamOf(packed))).failure).toBeInstanceOf(BrokenBodyError);
  });

  it('gives everything that came before the connection broke', async () => {
    const body = new PassThrough();
    body.write('a\nb\n');
    setTimeout(() => body.destroy(new Error('ECONNRESET')), 20);
    const { bytes, failure } = await read(body);
    expect(failure).toBeInstanceOf(BrokenBodyError);
    expect(bytes.toString()).toBe('a\nb\n');
  });

  it('gives an idle sender up', async () => {
    const body = new PassThrough();
    body.write('ab');
    const { failure } = await read(body, false, { ...DECODE_LIMITS, idleTimeoutMs: 30 });
    expect(failure).toBeInstanceOf(BrokenBodyError);
    const packed = new PassThrough();
    packed.write(gzipSync(noise).subarray(0, 1000));
    expect((await read(packed, true, { ...DECODE_LIMITS, idleTimeoutMs: 30 })).failure).toMatchObject({
      message: expect.stringMatching(/no data arrived/) as string,
    });
  });

  it('gives up who keeps it with a byte now and then, and nobody who is merely kept waiting', async () => {
    const limits = { ...DECODE_LIMITS, rateGraceMs: 60 };
    const slow = new PassThrough();
    const dripping = setInterval(() => slow.write('a'), 5);
    const { failure } = await read(slow, false, limits);
    clearInterval(dripping);
    expect(failure).toMatchObject({ name: 'BrokenBodyError', message: expect.stringMatching(/1024 bytes/) as string });
    let bytes = 0;
    for await (const chunk of decode(streamOf(Buffer.from('{'.repeat(30)), 3), false, limits, systemClock)) {
      bytes += chunk.length;
      await sleep(20);
    }
    expect(bytes).toBe(30);
  });

  it('holds its limits', async () => {
    const small = { ...DECODE_LIMITS, maxWireBytes: 10_000 };
    expect((await read(streamOf(noise.subarray(0, 10_000)), false, small)).failure).toBeUndefined();
    expect((await read(streamOf(noise.subarray(0, 10_001)), false, small)).failure).toBeInstanceOf(BodyTooLargeError);
    const bomb = gzipSync(Buffer.alloc(50_000_000));
    const ratio = { ...DECODE_LIMITS, freeBytes: 1_000_000 };
    const { bytes, failure } = await read(streamOf(bomb), true, ratio);
    expect(failure).toBeInstanceOf(BodyTooLargeError);
    expect(bytes.length).toBeLessThan(20_000_000);
  });

  it('lets 64 MiB unpack freely, and after that 200 bytes for each that came', async () => {
    let bytes = 0;
    const bomb = Readable.from(pieces(gzipSync(Buffer.alloc(80 * 1024 ** 2, '\n')), 1000), { objectMode: false });
    const reading = async () => {
      for await (const chunk of decode(bomb, true, DECODE_LIMITS, systemClock)) bytes += chunk.length;
    };
    await expect(reading()).rejects.toThrow(BodyTooLargeError);
    expect(bytes).toBe(64 * 1024 ** 2);
  });

  it('unpacks no faster than it is read, and reads no faster either', async () => {
    let sent = 0;
    const bomb = gzipSync(Buffer.alloc(100_000_000));
    const body = Readable.from(
      (function* () {
        for (const piece of pieces(bomb, 500)) {
          sent += piece.length;
          yield piece;
        }
      })(),
      { objectMode: false, highWaterMark: 1000 },
    );
    const reader = decode(body, true, DECODE_LIMITS, systemClock);
    await reader.next();
    await sleep(200);
    expect(sent).toBeLessThan(bomb.length / 2);
    await reader.return(undefined);
    expect(body.destroyed).toBe(false);
  });

  it.each([false, true])('leaves the body whole for the answer when it is left early (gzip: %s)', async (gzip) => {
    const bytes = gzip ? gzipSync(noise) : noise;
    const body = streamOf(bytes, 5000);
    for await (const _ of decode(body, gzip, DECODE_LIMITS, systemClock)) break;
    expect(body.destroyed).toBe(false);
    await drain(body, { clock: systemClock, maxBytes: 1_000_000, timeoutMs: 1000 });
    expect(body.readableEnded).toBe(true);
    expect(['data', 'end', 'error', 'readable'].map((name) => body.listenerCount(name) > 1)).not.toContain(true);
  });
});

describe('drain', () => {
  it('gives up after its time and its bytes', async () => {
    const idle = new PassThrough();
    await drain(idle, { clock: systemClock, maxBytes: 10, timeoutMs: 20 });
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(1000));
      },
    });
    await drain(endless, { clock: systemClock, maxBytes: 10_000, timeoutMs: 5000 });
    expect(endless.destroyed).toBe(false);
  });
});
