/** What generated histories are answered with. It follows from names alone, so that the fold and the oracle get the same. */
import { createHash } from 'node:crypto';

/** A byte that follows from words. */
const byteOf = (...words: (string | number)[]): number => createHash('sha256').update(words.join(' ')).digest()[0]!;

/** `nth` counts the questions of the run, or the requests of the message, from 0. */
export const answerTo = (run: string, nth: number): boolean => byteOf('answer', run, nth) < 180;
export const isAnswerLate = (run: string, nth: number): boolean => byteOf('late answer', run, nth) < 80;
export const isOutcomeLate = (run: string, node: string, nth: number): boolean => byteOf('late', run, node, nth) < 110;

/** Whether delivery replies to a pause at once that the call had not begun. */
export const isRepliedToAtOnce = (run: string, node: string, nth: number): boolean =>
  !hadBegun(run, node, nth) && byteOf('reply', run, node, nth) < 160;

/** Whether the call had begun before the log revoked the message. */
const hadBegun = (run: string, node: string, nth: number): boolean => byteOf('begun', run, node, nth) < 100;

export interface Asked {
  run: string;
  node: string;
  nth: number;
  isStale: boolean;
  revoked: 'paused' | 'ended' | null;
}

/** The outcome of a message as delivery reports it, or what it replies to a pause. */
export function outcomeOf({ run, node, nth, isStale, revoked }: Asked): string {
  if (revoked !== null && !hadBegun(run, node, nth)) return 'skipped revoked';
  if (isStale && revoked === null) return 'skipped stale';
  const byte = byteOf('outcome', run, node, nth);
  if (byte < 165) return 'sent';
  if (byte < 195) return 'failed';
  if (byte < 215) return 'failed permanently';
  return byte < 235 ? 'unknown' : 'skipped suppressed';
}
