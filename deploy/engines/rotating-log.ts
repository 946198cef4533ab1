/** A log that never ends whoever writes it. */
import { createWriteStream, existsSync, renameSync, statSync, type WriteStream } from 'node:fs';

const LOG_LIMIT_BYTES = 10_000_000;
const LOG_FILES = 3;
/** After a failure nothing is written for so long. */
const REOPEN_MS = 5_000;

/**
 * A file of lines that is set aside at 10 MB; three are kept. When it cannot be written (a full disk) lines are lost,
 * which `say` is told once, until it can be written again.
 */
export class RotatingLog {
  #stream: WriteStream | undefined;
  #bytes = 0;
  #closed = false;
  #failing = false;
  #failedAtMs = -Infinity;

  constructor(
    private readonly path: string,
    private readonly say: (message: string) => void,
    /** Milliseconds. */
    private readonly now: () => number = Date.now,
  ) {}

  write(line: string): void {
    try {
      const stream = this.#open();
      if (stream === undefined) return;
      this.#bytes += Buffer.byteLength(line) + 1;
      stream.write(`${line}\n`, this.#written);
    } catch (error) {
      this.#fail(error);
    }
  }

  close(): void {
    this.#closed = true;
    this.#stream?.end();
  }

  /** Undefined while it is not worth trying. */
  #open(): WriteStream | undefined {
    if (this.#closed) return undefined;
    if (this.#stream !== undefined && this.#bytes > LOG_LIMIT_BYTES) this.#setAside();
    if (this.#stream === undefined) {
      if (this.now() - this.#failedAtMs < REOPEN_MS) return undefined;
      this.#bytes = existsSync(this.path) ? statSync(this.path).size : 0;
      const stream = createWriteStream(this.path, { flags: 'a' });
      stream.on('error', (error) => this.#fail(error, stream));
      this.#stream = stream;
    }
    return this.#stream;
  }

  #setAside(): void {
    this.#stream?.end();
    this.#stream = undefined;
    for (let i = LOG_FILES - 1; i >= 1; i--) {
      const from = i === 1 ? this.path : `${this.path}.${i - 1}`;
      if (existsSync(from)) renameSync(from, `${this.path}.${i}`);
    }
  }

  readonly #written = (error: Error | null | undefined): void => {
    if (!error) this.#failing = false;
  };

  #fail(error: unknown, stream?: WriteStream): void {
    if (stream === undefined || stream === this.#stream) {
      this.#stream = undefined;
      this.#failedAtMs = this.now();
    }
    if (this.#failing) return;
    this.#failing = true;
    this.say(
      `cannot write ${this.path} (${(error as NodeJS.ErrnoException).code ?? String(error)}); log lines are lost`,
    );
  }
}
