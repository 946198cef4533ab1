import { crc32 } from 'node:zlib';

/** A block, as the ledger describes it. */
export interface LedgerBlock {
  first: number;
  last: number;
  /** Number of records. */
  rows: number;
  hash: number;
}

interface Open extends LedgerBlock {
  seen: number;
  crc: number;
}

/**
 * Compares a partition's records with the ledger's blocks: each block must have as many records as the ledger says,
 * with the same bytes. Pass the records in the order of their offsets. Blocks may overlap.
 */
export class BlockAudit {
  checked = 0;
  readonly differing: LedgerBlock[] = [];
  private readonly waiting: LedgerBlock[];
  private open: Open[] = [];

  /** `from`: the first offset that will be passed; blocks that begin before it are not checked. */
  constructor(blocks: readonly LedgerBlock[], from: number) {
    this.waiting = blocks.filter(({ first }) => first >= from).sort((a, b) => b.first - a.first);
  }

  record(offset: number, value: Buffer): void {
    this.reached(offset);
    for (const block of this.open) {
      block.seen += 1;
      block.crc = crc32(value, block.crc);
    }
  }

  /** All records before `next` have been passed. */
  reached(next: number): void {
    for (let block = this.waiting.at(-1); block !== undefined && block.first <= next; block = this.waiting.at(-1)) {
      this.waiting.pop();
      this.open.push({ ...block, seen: 0, crc: 0 });
    }
    if (this.open.every(({ last }) => last >= next)) return;
    for (const block of this.open.filter(({ last }) => last < next)) this.close(block);
    this.open = this.open.filter(({ last }) => last >= next);
  }

  private close({ seen, crc, ...block }: Open): void {
    this.checked += 1;
    if (seen !== block.rows || crc !== block.hash) this.differing.push(block);
  }
}
