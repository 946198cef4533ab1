import type { Context } from 'hono';
import { describe, expect, it } from 'vitest';
import { breakingOff } from './break-off.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function open() {
  const events: string[] = [];
  let source!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => void (source = controller),
    cancel: (reason) => void events.push(`cancelled: ${String(reason)}`),
  });
  const outgoing = { destroy: () => void events.push('destroyed') };
  const reader = breakingOff(stream, { env: { outgoing } } as unknown as Context).getReader();
  reader.closed.catch(() => events.push('failed'));
  return { events, source, reader };
}

describe('the stream of an answer', () => {
  it('passes everything through to its end', async () => {
    const { events, source, reader } = open();
    source.enqueue(bytes('a'));
    expect(await reader.read()).toEqual({ done: false, value: bytes('a') });
    source.enqueue(bytes('b'));
    source.close();
    expect(await reader.read()).toEqual({ done: false, value: bytes('b') });
    expect((await reader.read()).done).toBe(true);
    expect(events).toEqual([]);
  });

  it.each([
    ['while it is read', true],
    ['while nobody reads', false],
  ])('that fails %s destroys the connection before the server learns of it', async (_, isRead) => {
    const { events, source, reader } = open();
    const read = isRead ? reader.read().catch((error: unknown) => error) : undefined;
    source.error(new Error('no more rows'));
    await expect(reader.closed).rejects.toThrow('no more rows');
    if (read !== undefined) expect(await read).toEqual(new Error('no more rows'));
    expect(events).toEqual(['destroyed', 'failed']);
  });

  it('is cancelled with the reason', async () => {
    const { events, reader } = open();
    await reader.cancel('the client went away');
    expect(events).toEqual(['cancelled: the client went away']);
  });
});
