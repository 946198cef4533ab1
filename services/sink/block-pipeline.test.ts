import { describe, expect, it } from 'vitest';
import { rowEncoder, string } from '../../lib/clickhouse/rowbinary.ts';
import { ManualClock } from '../../lib/clock/testing.ts';
import { Block } from './block.ts';
import { BlockPipeline } from './block-pipeline.ts';

const texts = rowEncoder('texts', { text: string });

/** A writer whose steps end when the test says so; the names of blocks are letters. */
function open({ onComplete, ledgerIntervalMs = 0 }: { onComplete?: () => void; ledgerIntervalMs?: number } = {}) {
  const clock = new ManualClock();
  const events: string[] = [];
  const names = new Map<Block, string>();
  const ends = new Map<string, (done: boolean) => void>();
  const step = (name: string): Promise<boolean> =>
    new Promise<boolean>((resolve) => {
      events.push(name);
      ends.set(name, resolve);
    });
  const pipeline = new BlockPipeline({
    writer: {
      insertTables: (block) => step(`tables ${names.get(block)}`),
      finish: (blocks) => step(`finish ${blocks.map((block) => names.get(block)).join('')}`),
    },
    wanted: new AbortController().signal,
    clock,
    ledgerIntervalMs,
    onInserted: () => undefined,
    onComplete: (block) => {
      events.push(`complete ${names.get(block)}`);
      onComplete?.();
    },
    onFree: () => undefined,
  });
  return {
    clock,
    pipeline,
    events,
    submit: (name: string, bytes = 0): void => {
      const block = new Block(['texts']);
      if (bytes > 0) block.add(texts, { text: 'x'.repeat(bytes) });
      names.set(block, name);
      pipeline.submit(block);
    },
    end: async (name: string, done = true): Promise<void> => {
      ends.get(name)!(done);
      await clock.advance(0);
    },
  };
}

describe('BlockPipeline', () => {
  it('writes the tables of a block beside the completion of the one before', async () => {
    const { events, submit, end } = open();
    submit('a');
    await end('tables a');
    submit('b');
    expect(events).toEqual(['tables a', 'finish a', 'tables b']);
    await end('finish a');
    await end('tables b');
    await end('finish b');
    expect(events.slice(3)).toEqual(['complete a', 'finish b', 'complete b']);
  });

  it('completes several blocks at once, in their order', async () => {
    const { pipeline, events, submit, end } = open();
    for (const name of ['a', 'b', 'c']) {
      submit(name);
      expect(pipeline.isFree).toBe(false);
      await end(`tables ${name}`);
      expect(pipeline.isFree).toBe(true);
    }
    // The completion of a is still under way.
    expect(events).not.toContain('complete a');
    await end('finish a');
    await end('finish bc');
    expect(events.slice(-4)).toEqual(['complete a', 'finish bc', 'complete b', 'complete c']);
  });

  it('begins the first completion at once, and later ones not before the interval has passed', async () => {
    const { clock, events, submit, end } = open({ ledgerIntervalMs: 200 });
    submit('a');
    await end('tables a');
    await end('finish a');
    submit('b');
    await end('tables b');
    submit('c');
    await clock.advance(150);
    await end('tables c');
    expect(events.at(-1)).toBe('tables c');
    await clock.advance(50);
    expect(events.at(-1)).toBe('finish bc');
  });

  it('does not wait for the interval when everything is to be complete', async () => {
    const { clock, pipeline, events, submit, end } = open({ ledgerIntervalMs: 200 });
    submit('a');
    await end('tables a');
    await end('finish a');
    submit('b');
    await end('tables b');
    const drained = pipeline.drained();
    await clock.advance(0);
    await end('finish b');
    await drained;
    expect(events.at(-1)).toBe('complete b');
  });

  it('takes no more blocks while large ones wait for their completion, which does not wait for the interval', async () => {
    const { clock, pipeline, events, submit, end } = open({ ledgerIntervalMs: 200 });
    submit('a');
    await end('tables a');
    await end('finish a');
    submit('b', 5 << 20);
    await end('tables b');
    await clock.advance(0);
    expect(events.at(-1)).toBe('finish b');
    submit('c', 5 << 20);
    await end('tables c');
    expect(pipeline.isFree).toBe(false);
    await end('finish b');
    expect([events.at(-1), pipeline.isFree]).toEqual(['finish c', true]);
  });

  it.each([
    ['tables', ['tables a']],
    ['completion', ['tables a', 'finish a']],
  ])('completes no block after one whose %s was given up', async (_, steps) => {
    const { pipeline, events, submit, end } = open();
    submit('a');
    for (const step of steps.slice(0, -1)) await end(step);
    if (steps.length === 1) {
      await end('tables a', false);
      submit('b');
    } else {
      submit('b');
      await end('finish a', false);
    }
    await end('tables b');
    await pipeline.drained();
    expect(events.filter((event) => event === 'finish b' || event.startsWith('complete'))).toEqual([]);
  });

  it('takes one block at a time', () => {
    const { submit } = open();
    submit('a');
    expect(() => submit('b')).toThrow('was submitted while');
  });

  it('reports what completing a block threw, and completes nothing after it', async () => {
    const { pipeline, events, submit, end } = open({
      onComplete: () => {
        throw new Error('contradiction');
      },
    });
    submit('a');
    await end('tables a');
    submit('b');
    await end('finish a');
    await end('tables b');
    await pipeline.drained();
    expect(() => pipeline.throwIfFailed()).toThrow('contradiction');
    expect(events).not.toContain('finish b');
  });
});
