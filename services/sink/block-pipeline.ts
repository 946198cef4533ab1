import assert from 'node:assert/strict';
import { Waker, type Clock } from '../../lib/clock/index.ts';
import type { Block } from './block.ts';
import { BlockPacing } from './pacing.ts';
import type { BlockWriter } from './writer.ts';

export interface BlockPipelineOptions {
  writer: Pick<BlockWriter, 'insertTables' | 'finish'>;
  /** Ends all retries: the current blocks are dropped, and their partitions are opened again. */
  wanted: AbortSignal;
  clock: Clock;
  /** The least time between the beginnings of two completions. */
  ledgerIntervalMs: number;
  /** The tables of the last block are written. */
  onInserted(): void;
  /** A block is in all tables and in the ledger; called in the order of the blocks. */
  onComplete(block: Block): void;
  /** Another block may be submitted, or `onComplete` threw. */
  onFree(): void;
}

/** No block is submitted while those that wait for their completion have more bytes of rows than this. */
const MAX_WAITING_BYTES = 4 << 20;
/** Between two completions. */
const PAUSE_MAX_MS = 100;

/**
 * Blocks on their way into ClickHouse, in two lanes that run side by side. The first writes the tables that are counted,
 * one block after another. The second completes blocks, several at a time: the tables of details, then
 * their ledger rows, in the order of the blocks, so that the ledger has no gap. Small blocks can be counted soon
 * without as many inserts into every table.
 */
export class BlockPipeline {
  private isInserting = false;
  private inserting: Promise<void> = Promise.resolve();
  /** Never rejects. */
  private finishing: Promise<void> | null = null;
  /** In the tables that are counted, but not complete. */
  private waiting: Block[] = [];
  private isGivenUp = false;
  private isDraining = false;
  private error: Error | null = null;
  private readonly pacing: BlockPacing;
  private readonly waker: Waker;

  constructor(private readonly options: BlockPipelineOptions) {
    this.pacing = new BlockPacing({ intervalMs: options.ledgerIntervalMs, pauseMaxMs: PAUSE_MAX_MS });
    this.waker = new Waker(options.clock);
  }

  /** A block may be submitted. */
  get isFree(): boolean {
    return !this.isInserting && this.hasRoom;
  }

  private get hasRoom(): boolean {
    return this.waiting.reduce((sum, { bytes }) => sum + bytes, 0) <= MAX_WAITING_BYTES;
  }

  submit(block: Block): void {
    assert(this.isFree, 'a block was submitted while the tables of the one before are being written');
    this.isInserting = true;
    this.inserting = this.insert(block);
  }

  /** Resolves when every block is in the ledger or abandoned; blocks are completed without a pause from now on. */
  async drained(): Promise<void> {
    this.isDraining = true;
    this.waker.wake();
    await this.inserting;
    await this.finishing;
  }

  /** Throws what `onComplete` threw. */
  throwIfFailed(): void {
    if (this.error !== null) throw this.error;
  }

  private async insert(block: Block): Promise<void> {
    const { writer, wanted, onInserted, onFree } = this.options;
    const isInserted = await writer.insertTables(block, wanted);
    onInserted();
    if (!isInserted) this.isGivenUp = true;
    this.waiting.push(block);
    this.isInserting = false;
    if (!this.hasRoom) this.waker.wake();
    this.finishing ??= this.finishAll().catch((error: unknown) => {
      this.isGivenUp = true;
      this.error ??= error instanceof Error ? error : new Error(String(error));
      onFree();
    });
    onFree();
  }

  /** Completes blocks until none waits. */
  private async finishAll(): Promise<void> {
    const { writer, wanted, clock, onComplete, onFree } = this.options;
    while (this.waiting.length > 0 && !this.isGivenUp) {
      await this.pause();
      const blocks = this.waiting;
      this.waiting = [];
      onFree();
      this.pacing.started(clock.elapsedMs());
      if (!(await writer.finish(blocks, wanted))) this.isGivenUp = true;
      else for (const block of blocks) onComplete(block);
      this.pacing.inserted(clock.elapsedMs());
    }
    this.finishing = null;
    // Nothing may be completed after a block that was abandoned; its partitions are opened again.
    if (this.isGivenUp) this.waiting = [];
  }

  /** Waits until the next completion is due, unless others wait for it. */
  private async pause(): Promise<void> {
    const { clock, wanted } = this.options;
    for (;;) {
      const leftMs = this.pacing.dueAtMs - clock.elapsedMs();
      if (leftMs <= 0 || this.isDraining || !this.hasRoom || wanted.aborted) return;
      await this.waker.sleep(leftMs);
    }
  }
}
