import type { ColumnType } from './rowbinary.ts';

/**
 * The version of a row, derived from the position of its record in the log: a row replaces those with lower versions.
 * Versions are ordered by log time and input offset of the cause, then by the offset of the record itself, because one
 * cause may change the same person twice (2 and 3 merge, then both merge into 1), and the later change is valid.
 */
export interface LogVersion {
  /** Log time of the cause, Unix milliseconds. */
  logTimeMs: number;
  /** Offset of the cause in its topic. */
  inputOffset: number;
  /** Offset of the record itself in the topic that it was read from. */
  outputOffset: number;
}

const OFFSET_BITS = 40n;
const TWO_8 = 2 ** 8;
const TWO_16 = 2 ** 16;
const TWO_24 = 2 ** 24;
const TWO_32 = 2 ** 32;
const OFFSET_END = 2 ** 40;
const LOG_TIME_END = 2 ** 48;

/**
 * Encoded as one integer of 128 bits with the same order: 48 bits of log time, 40 of each offset (10^12 records per
 * partition). Throws RangeError for larger values.
 */
export const logVersion: ColumnType<LogVersion> = {
  sql: 'UInt128',
  write: (writer, { logTimeMs, inputOffset, outputOffset }) => {
    if (!(logTimeMs >= 0 && logTimeMs < LOG_TIME_END && inputOffset >= 0 && inputOffset < OFFSET_END)) {
      throw new RangeError(`log time ${logTimeMs} or input offset ${inputOffset} is out of the range of a row version`);
    }
    if (!(outputOffset >= 0 && outputOffset < OFFSET_END))
      throw new RangeError(`output offset ${outputOffset} is out of the range of a row version`);
    writer.u32(outputOffset % TWO_32);
    writer.u32(Math.floor(outputOffset / TWO_32) + (inputOffset % TWO_24) * TWO_8);
    writer.u32(Math.floor(inputOffset / TWO_24) + (logTimeMs % TWO_16) * TWO_16);
    writer.u32(Math.floor(logTimeMs / TWO_16));
  },
};

/** The version as an integer, for queries. */
export const packVersion = ({ logTimeMs, inputOffset, outputOffset }: LogVersion): bigint =>
  (((BigInt(logTimeMs) << OFFSET_BITS) | BigInt(inputOffset)) << OFFSET_BITS) | BigInt(outputOffset);
