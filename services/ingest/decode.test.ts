import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../lib/clock/testing.ts';
import { BodyTooLargeError, BrokenBodyError, decode, drain, DECODE_LIMITS } from './decode.ts';

const pieces = (bytes: Buffer, size: number): Buffer[] =>
  Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
const streamOf = (bytes: Buffer, size = 1000) => Readable.from(pieces(bytes, size), { objectMode: false });
async function read(body: Readable, gzip = false, limits = DECODE_LIMITS, clock = new ManualClock()) {
  const chunks: Buffer[] = [];
  let failure: unknown;
  try {
    for await (const chunk of decode(body, gzip, limits, clock)) chunks.push(chunk);
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
    const reader = decode(body, false, DECODE_LIMITS, new ManualClock());
    expect(String((await reader.next()).value)).toBe('a\nb\n');
    body.destroy(new Error('ECONNRESET'));
    await expect(reader.next()).rejects.toBeInstanceOf(BrokenBodyError);
  });

  it.each([
    ['plain', Buffer.from('ab')],
    ['gzip', gzipSync(noise).subarray(0, 1000)],
  ])('ends a %s body whose sender is idle for two minutes', async (_, bytes) => {
    const body = new PassThrough();
    body.write(bytes);
    const clock = new ManualClock();
    let ended = false;
    const reading = read(body, false, DECODE_LIMITS, clock).finally(() => (ended = true));
    await clock.advance(119_999);
    expect(ended).toBe(false);
    await clock.advance(1);
    const { failure } = await reading;
    expect(failure).toMatchObject({ name: 'BrokenBodyError', message: 'no data arrived for 120 s' });
  });

  it('ends a body that has arrived at less than 1,024 bytes per second for two minutes', async () => {
    const body = new PassThrough();
    const clock = new ManualClock();
    let failure: unknown;
    const reading = read(body, false, DECODE_LIMITS, clock).then((result) => ({ failure } = result));
    for (let second = 0; second < 120; second++) {
      body.write('a');
      await clock.advance(1_000);
    }
    expect(failure).toBeUndefined();
    body.write('a');
    await clock.advance(1_000);
    body.write('a');
    await reading;
    expect(failure).toMatchObject({ name: 'BrokenBodyError', message: expect.stringMatching(/1024 bytes/) as string });
  });

  it('does not count the time in which nobody takes what has arrived', async () => {
    const clock = new ManualClock();
    let bytes = 0;
    for await (const chunk of decode(streamOf(Buffer.from('{'.repeat(30)), 3), false, DECODE_LIMITS, clock)) {
      bytes += chunk.length;
      await clock.advance(60_000);
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
      for await (const chunk of decode(bomb, true, DECODE_LIMITS, new ManualClock())) bytes += chunk.length;
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
    const reader = decode(body, true, DECODE_LIMITS, new ManualClock());
    for (let taken = 0; taken < 50; taken++) {
      await reader.next();
      await nextTurn();
    }
    expect(sent).toBeLessThan(bomb.length / 2);
    await reader.return(undefined);
    expect(body.destroyed).toBe(false);
  });

  it.each([false, true])('leaves the body whole for the answer when it is left early (gzip: %s)', async (gzip) => {
    const bytes = gzip ? gzipSync(noise) : noise;
    const body = streamOf(bytes, 5000);
    for await (const _ of decode(body, gzip, DECODE_LIMITS, new ManualClock())) break;
    expect(body.destroyed).toBe(false);
    await drain(body, { clock: new ManualClock(), maxBytes: 1_000_000, timeoutMs: 1000 });
    expect(body.readableEnded).toBe(true);
    expect(['data', 'end', 'error', 'readable'].map((name) => body.listenerCount(name) > 1)).not.toContain(true);
  });
});

describe('drain', () => {
  it('ends after its time and after its bytes', async () => {
    const clock = new ManualClock();
    const idle = new PassThrough();
    const draining = drain(idle, { clock, maxBytes: 10, timeoutMs: 5000 });
    await clock.advance(5000);
    await draining;
    const endless = new Readable({
      read() {
        this.push(Buffer.alloc(1000));
      },
    });
    await drain(endless, { clock, maxBytes: 10_000, timeoutMs: 5000 });
    expect(endless.destroyed).toBe(false);
  });
});
