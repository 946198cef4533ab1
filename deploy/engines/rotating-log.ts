/** A log file whose errors never end the process that writes it. */
import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from 'node:fs';

const LOG_LIMIT_BYTES = 10_000_000;
const LOG_FILES = 3;
/** Pause after a failed write. */
const REOPEN_MS = 5_000;

/**
 * A log file that is rotated at 10 MB; three files are kept. While it cannot be written (disk full) lines are lost, which
 * is reported once with `say`.
 */
export class RotatingLog {
  private stream: WriteStream | undefined;
  private bytes = 0;
  private closed = false;
  private failing = false;
  private failedAtMs = -Infinity;

  constructor(
    private readonly path: string,
    private readonly say: (message: string) => void,
    /** Milliseconds. */
    private readonly now: () => number = Date.now,
  ) {}

  write(line: string): void {
    try {
      const stream = this.open();
      if (stream === undefined) return;
      this.bytes += Buffer.byteLength(line) + 1;
      stream.write(`${line}\n`, this.written);
    } catch (error) {
      this.fail(error);
    }
  }

  close(): void {
    this.closed = true;
    this.stream?.end();
  }

  /** Undefined during the pause after a failure, and after `close`. */
  private open(): WriteStream | undefined {
    if (this.closed) return undefined;
    if (this.stream !== undefined && this.bytes > LOG_LIMIT_BYTES) this.rotate();
    if (this.stream === undefined) {
      if (this.now() - this.failedAtMs < REOPEN_MS) return undefined;
      this.bytes = existsSync(this.path) ? statSync(this.path).size : 0;
      const stream = createWriteStream(this.path, { flags: 'a' });
      stream.on('error', (error) => this.fail(error, stream));
      this.stream = stream;
    }
    return this.stream;
  }

  private rotate(): void {
    this.stream?.end();
    this.stream = undefined;
    for (let i = LOG_FILES - 1; i >= 1; i--) {
      const from = i === 1 ? this.path : `${this.path}.${i - 1}`;
      if (existsSync(from)) renameSync(from, `${this.path}.${i}`);
    }
  }

  private readonly written = (error: Error | null | undefined): void => {
    if (!error) this.failing = false;
  };

  private fail(error: unknown, stream?: WriteStream): void {
    if (stream === undefined || stream === this.stream) {
      this.stream = undefined;
      this.failedAtMs = this.now();
    }
    if (this.failing) return;
    this.failing = true;
    this.say(
      `cannot write ${this.path} (${(error as NodeJS.ErrnoException).code ?? String(error)}); log lines are lost`,
    );
  }
}
