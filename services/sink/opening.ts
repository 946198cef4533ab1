import type { LedgerState } from './ledger.ts';

/** Where a partition begins, or why it cannot. */
export type Opening = { state: LedgerState; lost: boolean } | { problem: string };

const OTHER_LOG =
  'this is not the topic that was read before; use the database that belongs to this topic, or an empty one';

/** What the log shows of a partition. */
export interface LogView {
  beginning: number;
  /** Exclusive. */
  end: number;
  /** The log has another record at the offset of the last record in the ledger. */
  isBroken: boolean;
}

/**
 * Where a partition resumes. `lost`: records were deleted that the sink never read, and `acceptLost` lets it resume
 * after them.
 */
export function openingOf(
  ledger: LedgerState | undefined,
  { beginning, end, isBroken }: LogView,
  acceptLost: boolean,
): Opening {
  if (ledger === undefined) return { state: { first: beginning, next: beginning, blocks: 0 }, lost: false };
  if (ledger.next > end) {
    return { problem: `the ledger ends at offset ${ledger.next}, but the topic ends at ${end}: ${OTHER_LOG}` };
  }
  if (isBroken) {
    return { problem: `the record at offset ${ledger.mark?.offset} is not the one in the ledger: ${OTHER_LOG}` };
  }
  if (ledger.next >= beginning) return { state: ledger, lost: false };
  if (acceptLost) return { state: { ...ledger, next: beginning }, lost: true };
  return {
    problem:
      `offsets ${ledger.next} to ${beginning - 1} were deleted before they were read; ` +
      'to continue without them, start the sink once with SINK_ACCEPT_LOST=true',
  };
}
