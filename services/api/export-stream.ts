import { after, type Clock } from '../../lib/clock/index.ts';
import type { ExportFormat } from './export-format.ts';
import type { ExportRow } from './member-rows.ts';

/** The rows of an export ended, or its client stopped reading, before all of them were written. */
export class ExportBrokenError extends Error {
  override readonly name = 'ExportBrokenError';
}

export interface Export {
  /** Number of all rows. */
  count: number;
  body: ReadableStream<Uint8Array>;
}

export interface ExportStreamOptions {
  rows: AsyncGenerator<ExportRow[], void>;
  format: ExportFormat;
  /** Called when the body is broken off because of a fault; not when the client goes away. */
  onBroken(error: unknown): void;
  signal: AbortSignal;
  clock: Clock;
}

/** How long a client may take for one batch: while it does not read, it holds a query and its place in the queue. */
const STALL_MAX_MS = 60_000;

/**
 * Reads up to the first batch, whose rows contain the number of all of them. The body is written batch by batch as the
 * client takes it, and fails unless it has exactly that number of rows: a client sees that it is not whole.
 */
export async function exportStream(options: ExportStreamOptions): Promise<Export> {
  const { rows, format, signal, clock } = options;
  const first = await rows.next();
  const count = first.value?.[0]?.[0] ?? 0;
  let left = count;
  let batch: typeof first | undefined = first;
  let stopWaiting: () => void = () => undefined;
  const encoder = new TextEncoder();
  const write = async (controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> => {
    const { value, done } = batch ?? (await rows.next());
    batch = undefined;
    if (done === true) {
      if (left !== 0) throw new ExportBrokenError(`${count - left} of ${count} rows were read`);
      controller.close();
      return;
    }
    left -= value.length;
    controller.enqueue(encoder.encode(format.write(value)));
    stopWaiting = after(clock, STALL_MAX_MS, () => {
      const error = new ExportBrokenError(`the client read nothing for ${STALL_MAX_MS} ms`);
      options.onBroken(error);
      controller.error(error);
      void rows.return();
    });
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (format.head !== '') controller.enqueue(encoder.encode(format.head));
    },
    async pull(controller) {
      stopWaiting();
      try {
        await write(controller);
      } catch (error) {
        if (!signal.aborted) options.onBroken(error);
        await rows.return();
        throw error;
      }
    },
    async cancel() {
      stopWaiting();
      await rows.return();
    },
  });
  return { count, body };
}
