/** Errors as a broker names them. */
export type ProtocolErrorType =
  | 'CONCURRENT_TRANSACTIONS'
  | 'ILLEGAL_GENERATION'
  | 'INVALID_PRODUCER_EPOCH'
  | 'INVALID_TXN_STATE'
  | 'OFFSET_OUT_OF_RANGE'
  | 'OUT_OF_ORDER_SEQUENCE_NUMBER'
  | 'REBALANCE_IN_PROGRESS'
  | 'UNKNOWN_MEMBER_ID'
  | 'UNKNOWN_TOPIC_OR_PARTITION';

export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  constructor(readonly type: ProtocolErrorType) {
    super(type);
  }
}

export const protocolErrorType = (error: unknown): ProtocolErrorType | null =>
  error instanceof ProtocolError ? error.type : null;
