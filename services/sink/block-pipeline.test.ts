import { describe, expect, it } from 'vitest';
import { Block } from './block.ts';
import { BlockPipeline } from './block-pipeline.ts';

/** A writer whose steps end when the test says so. */
function open({ onComplete }: { onComplete?: (name: string) => void } = {}) {
  const events: string[] = [];
  const names = new Map<Block, string>();
  const ends = new Map<string, (done: boolean) => void>();
  const step = (what: string) => (block: Block) =>
    new Promise<boolean>((resolve) => {
      const name = `${what} ${names.get(block)}`;
      events.push(name);
      ends.set(name, resolve);
    });
  const pipeline = new BlockPipeline({
    writer: { insertTables: step('tables'), appendToLedger: step('ledger') },
    wanted: new AbortController().signal,
    onInserted: () => undefined,
    onComplete: (block) => {
      events.push(`complete ${names.get(block)}`);
      onComplete?.(names.get(block)!);
    },
    onFree: () => events.push('free'),
  });
  return {
    pipeline,
    events,
    submit: (name: string): void => {
      const block = new Block([]);
      names.set(block, name);
      pipeline.submit(block);
    },
    end: async (name: string, done = true): Promise<void> => {
      ends.get(name)!(done);
      await settled();
    },
  };
}

/** Every promise that can settle has done so. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('BlockPipeline', () => {
  it('writes the tables of a block beside the ledger row of the one before', async () => {
    const { events, submit, end } = open();
    submit('a');
    await end('tables a');
    submit('b');
    expect(events).toEqual(['tables a', 'free', 'ledger a', 'tables b']);
    await end('ledger a');
    await end('tables b');
    await end('ledger b');
    expect(events.slice(4)).toEqual(['complete a', 'free', 'ledger b', 'complete b']);
  });

  it('keeps the ledger in the order of the blocks', async () => {
    const { pipeline, events, submit, end } = open();
    submit('a');
    await end('tables a');
    submit('b');
    await end('tables b');
    // The tables of b are written, but the ledger does not have a yet.
    expect(events).not.toContain('ledger b');
    expect(pipeline.isFree).toBe(false);
    await end('ledger a');
    expect(events.slice(-3)).toEqual(['complete a', 'free', 'ledger b']);
  });

  it.each([
    ['tables', ['tables a']],
    ['ledger row', ['tables a', 'ledger a']],
  ])('writes no ledger row after a block whose %s was given up', async (_, steps) => {
    const { pipeline, events, submit, end } = open();
    submit('a');
    for (const step of steps.slice(0, -1)) await end(step);
    if (steps.length === 1) {
      await end('tables a', false);
      submit('b');
    } else {
      submit('b');
      await end('ledger a', false);
    }
    await end('tables b');
    await pipeline.drained();
    expect(events.filter((event) => event === 'ledger b' || event.startsWith('complete'))).toEqual([]);
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
    await end('ledger a');
    await end('tables b');
    await pipeline.drained();
    expect(() => pipeline.throwIfFailed()).toThrow('contradiction');
    expect(events).not.toContain('ledger b');
  });
});
