import assert from 'node:assert/strict';
import type { Block } from './block.ts';
import type { BlockWriter } from './writer.ts';

export interface BlockPipelineOptions {
  writer: Pick<BlockWriter, 'insertTables' | 'appendToLedger'>;
  /** Ends all retries: the current blocks are dropped, and their partitions are opened again. */
  wanted: AbortSignal;
  /** The tables of the last block are written. */
  onInserted(): void;
  /** A block is in all tables and in the ledger; called in the order of the blocks. */
  onComplete(block: Block): void;
  /** Another block may be submitted, or `onComplete` threw. */
  onFree(): void;
}

/**
 * Blocks on their way into ClickHouse. The tables of a block are written while the ledger row of the block before it is
 * being written; ledger rows are written one after another, in the order of the blocks, so that the ledger has no gap.
 */
export class BlockPipeline {
  private free = true;
  private error: Error | null = null;
  /** True when the last block is in the ledger, false when it was abandoned. Never rejects. */
  private last: Promise<boolean> = Promise.resolve(true);

  constructor(private readonly options: BlockPipelineOptions) {}

  /** A block may be submitted. */
  get isFree(): boolean {
    return this.free;
  }

  submit(block: Block): void {
    assert(this.free, 'a block was submitted while the tables of the one before are being written');
    this.free = false;
    this.last = this.write(block, this.last).catch((error: unknown) => {
      this.error ??= error instanceof Error ? error : new Error(String(error));
      this.release();
      return false;
    });
  }

  /** Resolves when every block is in the ledger or abandoned. */
  async drained(): Promise<void> {
    await this.last;
  }

  /** Throws what `onComplete` threw. */
  throwIfFailed(): void {
    if (this.error !== null) throw this.error;
  }

  private async write(block: Block, before: Promise<boolean>): Promise<boolean> {
    const { writer, wanted, onInserted, onComplete } = this.options;
    const isInserted = await writer.insertTables(block, wanted);
    onInserted();
    const isContinued = await before;
    this.release();
    if (!isInserted || !isContinued || !(await writer.appendToLedger(block, wanted))) return false;
    onComplete(block);
    return true;
  }

  private release(): void {
    this.free = true;
    this.options.onFree();
  }
}
