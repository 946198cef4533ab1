import type { ServerResponse } from 'node:http';
import type { Context } from 'hono';

/**
 * The stream as the body of an answer that is broken off if the stream fails. The HTTP server would write the error as the
 * last piece and end the answer, which a client that was slow to read could take for whole. So the connection is
 * destroyed before the server learns of the failure.
 */
export function breakingOff(stream: ReadableStream<Uint8Array>, c?: Context): ReadableStream<Uint8Array> {
  // Absent when an app is called without a server.
  const { outgoing } = (c?.env ?? {}) as { outgoing?: Pick<ServerResponse, 'destroy'> };
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        reader.closed.catch((error: unknown) => {
          outgoing?.destroy();
          controller.error(error);
        });
      },
      async pull(controller) {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
