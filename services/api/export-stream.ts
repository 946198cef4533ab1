import type { ExportFormat } from './export-format.ts';
import type { ExportRow } from './member-rows.ts';

/** The rows of an export ended, or failed, before all of them were there. */
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
}

/**
 * Reads up to the first batch, whose rows contain the number of all of them. The body is written batch by batch as the
 * client takes it, and fails unless it has exactly that number of rows: a client sees that it is not whole.
 */
export async function exportStream(options: ExportStreamOptions): Promise<Export> {
  const { rows, format, signal } = options;
  const first = await rows.next();
  const count = first.value?.[0]?.[0] ?? 0;
  let left = count;
  let batch: typeof first | undefined = first;
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
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (format.head !== '') controller.enqueue(encoder.encode(format.head));
    },
    async pull(controller) {
      try {
        await write(controller);
      } catch (error) {
        if (!signal.aborted) options.onBroken(error);
        await rows.return();
        throw error;
      }
    },
    async cancel() {
      await rows.return();
    },
  });
  return { count, body };
}
