import type { Readable } from 'node:stream';
import { within, type Clock } from '../../lib/clock/index.ts';

/** The stream delivered no data within the idle timeout. */
export class IdleError extends Error {
  override readonly name = 'IdleError';
}

/**
 * The chunks of a stream one by one, with backpressure. Unlike an async iterator, it delivers the chunks that arrived
 * before an error, and `stop` leaves the stream open.
 */
export class ChunkQueue {
  private readonly queue: Buffer[] = [];
  private ended = false;
  private failure: unknown;
  private wake: (() => void) | undefined;

  constructor(
    private readonly stream: Readable,
    private readonly maxQueuedChunks: number,
    private readonly clock: Clock,
  ) {
    stream.on('data', this.onData).on('end', this.onEnd).on('error', this.onError).on('close', this.onClose);
  }

  /**
   * The next chunk; undefined at the end of the stream and after `stop`. Throws the stream's error, and IdleError when
   * no chunk arrives within `idleTimeoutMs` (0: no limit).
   */
  async next(idleTimeoutMs = 0): Promise<Buffer | undefined> {
    while (this.queue.length === 0) {
      if (this.failure !== undefined) throw this.failure;
      if (this.ended) return undefined;
      await this.woken(idleTimeoutMs);
    }
    const chunk = this.queue.shift();
    if (this.queue.length < this.maxQueuedChunks && this.stream.isPaused() && !this.ended) this.stream.resume();
    return chunk;
  }

  stop(): void {
    this.ended = true;
    this.queue.length = 0;
    this.stream.off('data', this.onData).off('end', this.onEnd).off('error', this.onError).off('close', this.onClose);
    this.stream.pause();
    this.wake?.();
  }

  private async woken(idleTimeoutMs: number): Promise<void> {
    const woken = new Promise<void>((resolve) => (this.wake = resolve));
    if (idleTimeoutMs === 0) await woken;
    else
      await within(woken, idleTimeoutMs, this.clock).catch(() =>
        this.onError(new IdleError(`no data arrived for ${Math.round(idleTimeoutMs / 1000)} s`)),
      );
    this.wake = undefined;
  }

  private readonly onData = (chunk: Uint8Array): void => {
    this.queue.push(Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
    if (this.queue.length >= this.maxQueuedChunks) this.stream.pause();
    this.wake?.();
  };
  private readonly onEnd = (): void => {
    this.ended = true;
    this.wake?.();
  };
  private readonly onError = (error: unknown): void => {
    this.failure ??= error;
    this.wake?.();
  };
  private readonly onClose = (): void => {
    if (!this.ended) this.onError(new Error('the stream was closed before its end'));
  };
}
