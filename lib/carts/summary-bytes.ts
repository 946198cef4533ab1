/** The summary at the head of a cart's state, as bytes. Layout: docs/adr, "state of a cart". */
import type { ByteReader, ByteWriter } from '../bytes/index.ts';
import { VERSION, type Version } from './format.ts';
import { NO_LIFECYCLE_RANK } from './statuses.ts';
import { NEVER, clearStatus, newEpisode, type Episode, type StatusHistory, type Summary } from './summary.ts';
import { VALUES } from './values.ts';

const BEYOND = 1;
/** Only a forgotten cart's, which has no summary. */
const FORGOTTEN = 2;
const OPEN = 4;
const OPEN_CONCLUDED = 8;
const RESTS = 16;
const STOPPED = 32;
const CLOSED_DUE = 64;
const CLAIMED = 128;
// Bits of the second byte.
const ACTIVE = 1;
const STATUS = 2;
const RECOVERED = 4;
const ABANDONED = 8;
const UNKNOWN_NAMES = 16;
const STATED_APART = 32;
const INDEXED = 64;
const PRODUCTS = 128;

/**
 * Reads a summary into one that may have been used for another cart. Nothing is cleared first, which would set most
 * members twice: every member has to be set here, also when the bytes do not have it.
 * @param reader at the first byte behind the version
 */
export function readSummary(reader: ByteReader, summary: Summary, version: Version): void {
  const { life, sizes, stated, position, values, status, visits, conclusions } = summary;
  const first = reader.byte();
  if ((first & FORGOTTEN) !== 0) reader.fail('the flags of a remembered cart', reader.at - 1);
  const second = reader.byte();
  const lastArrival = reader.unsigned();
  life.beyondHorizon = (first & BEYOND) !== 0;
  life.lastArrival = lastArrival;
  visits.rests = (first & RESTS) !== 0;
  visits.stopped = (first & STOPPED) !== 0;
  conclusions.claimed = (first & CLAIMED) !== 0;
  conclusions.closedDue = (first & CLOSED_DUE) !== 0 ? lastArrival + reader.signed() : NEVER;
  const concluded = (first & OPEN_CONCLUDED) !== 0;
  // The previous cart's object is reused: most carts that are read have an open episode.
  visits.episode =
    (first & OPEN) !== 0 ? readEpisode(reader, lastArrival, concluded, visits.episode ?? newEpisode()) : undefined;
  life.count = reader.unsigned();
  sizes.records = reader.unsigned();
  sizes.decisions = reader.unsigned();
  sizes.products = (second & PRODUCTS) !== 0 ? reader.unsigned() : 0;
  sizes.index = (second & INDEXED) !== 0 ? reader.unsigned() : 0;
  const at = lastArrival - reader.signed();
  position.at = at;
  position.firstAt = at - reader.unsigned();
  position.precedence = reader.byte();
  const active = (second & ACTIVE) !== 0;
  visits.lastActivityAt = active ? at - reader.unsigned() : NEVER;
  stated.windowMs = active ? reader.unsigned() : 0;
  stated.graceMs = active ? reader.unsigned() : 0;
  if ((second & STATUS) !== 0) readStatus(reader, at, status, version);
  else clearStatus(status);
  if ((second & UNKNOWN_NAMES) !== 0) stated.names.read(reader);
  else stated.names.clear();
  status.seenFirst = stated.names.count;
  status.seenUnknown = undefined;
  visits.recoveredAt = (second & RECOVERED) !== 0 ? at - reader.unsigned() : NEVER;
  conclusions.abandonedAt = (second & ABANDONED) !== 0 ? at - reader.signed() : NEVER;
  readReferences(reader, values);
  if ((second & STATED_APART) !== 0) readReferences(reader, stated.values);
  else for (let which = 0; which < VALUES; which++) stated.values[which] = values[which]!;
}

function readEpisode(reader: ByteReader, lastArrival: number, concluded: boolean, into: Episode): Episode {
  into.openedAt = NEVER;
  into.deadline = lastArrival + reader.signed();
  into.settledAt = lastArrival + reader.signed();
  into.lastIndex = -1;
  into.concluded = concluded;
  return into;
}

function readStatus(reader: ByteReader, at: number, status: StatusHistory, version: Version): void {
  status.current = reader.unsigned();
  status.since = at - reader.unsigned();
  status.seen = reader.unsigned();
  status.lifecycleRank = reader.byte() + NO_LIFECYCLE_RANK;
  if (version === VERSION) status.stays.read(reader, at - reader.unsigned());
  else status.stays.clear();
}

/** A byte that says which there are, then the references. */
function readReferences(reader: ByteReader, values: number[]): void {
  const mask = reader.byte();
  if (mask >= 1 << VALUES) reader.fail(`which of ${VALUES} values there are`, reader.at - 1);
  for (let which = 0, rest = mask; which < VALUES; which++, rest >>= 1) {
    values[which] = (rest & 1) !== 0 ? reader.unsigned() : 0;
  }
}

function writeReferences(writer: ByteWriter, values: readonly number[]): void {
  const maskAt = writer.at;
  writer.byte(0);
  let mask = 0;
  for (let which = 0; which < VALUES; which++) {
    const value = values[which]!;
    if (value === 0) continue;
    mask |= 1 << which;
    writer.unsigned(value);
  }
  writer.bytes[maskAt] = mask;
}

function sameReferences(a: readonly number[], b: readonly number[]): boolean {
  for (let which = 0; which < VALUES; which++) if (a[which] !== b[which]) return false;
  return true;
}

/** The version, and the summary behind it. */
export function writeSummary(writer: ByteWriter, summary: Summary, version: Version): void {
  const { life, sizes, stated, position, values, visits, conclusions } = summary;
  const { lastArrival } = life;
  const { at } = position;
  const active = !Number.isNaN(visits.lastActivityAt);
  const apart = !sameReferences(stated.values, values);
  writer.byte(version);
  writer.byte(firstFlags(summary));
  writer.byte(secondFlags(summary, active, apart));
  writer.unsigned(lastArrival);
  if (!Number.isNaN(conclusions.closedDue)) writer.signed(conclusions.closedDue - lastArrival);
  if (visits.episode !== undefined) {
    writer.signed(visits.episode.deadline - lastArrival);
    writer.signed(visits.episode.settledAt - lastArrival);
  }
  writer.unsigned(life.count);
  writer.unsigned(sizes.records);
  writer.unsigned(sizes.decisions);
  if (sizes.products > 0) writer.unsigned(sizes.products);
  if (sizes.index > 0) writer.unsigned(sizes.index);
  writer.signed(lastArrival - at);
  writer.unsigned(at - position.firstAt);
  writer.byte(position.precedence);
  if (active) {
    writer.unsigned(at - visits.lastActivityAt);
    writer.unsigned(stated.windowMs);
    writer.unsigned(stated.graceMs);
  }
  writeStatus(writer, summary.status, at, version);
  if (stated.names.count > 0) stated.names.write(writer);
  if (!Number.isNaN(visits.recoveredAt)) writer.unsigned(at - visits.recoveredAt);
  if (!Number.isNaN(conclusions.abandonedAt)) writer.signed(at - conclusions.abandonedAt);
  writeReferences(writer, values);
  if (apart) writeReferences(writer, stated.values);
}

function writeStatus(writer: ByteWriter, status: StatusHistory, at: number, version: Version): void {
  if (status.current < 0) return;
  writer.unsigned(status.current);
  writer.unsigned(at - status.since);
  writer.unsigned(status.seen);
  writer.byte(status.lifecycleRank - NO_LIFECYCLE_RANK);
  if (version !== VERSION) return;
  writer.unsigned(at - status.stays.firstAt);
  status.stays.write(writer);
}

function firstFlags({ life, visits, conclusions }: Summary): number {
  const { episode } = visits;
  return (
    (life.beyondHorizon ? BEYOND : 0) |
    (episode !== undefined ? OPEN : 0) |
    (episode?.concluded === true ? OPEN_CONCLUDED : 0) |
    (visits.rests ? RESTS : 0) |
    (visits.stopped ? STOPPED : 0) |
    (Number.isNaN(conclusions.closedDue) ? 0 : CLOSED_DUE) |
    (conclusions.claimed ? CLAIMED : 0)
  );
}

function secondFlags({ sizes, stated, status, visits, conclusions }: Summary, active: boolean, apart: boolean): number {
  return (
    (active ? ACTIVE : 0) |
    (status.current >= 0 ? STATUS : 0) |
    (Number.isNaN(visits.recoveredAt) ? 0 : RECOVERED) |
    (Number.isNaN(conclusions.abandonedAt) ? 0 : ABANDONED) |
    (stated.names.count > 0 ? UNKNOWN_NAMES : 0) |
    (apart ? STATED_APART : 0) |
    (sizes.index > 0 ? INDEXED : 0) |
    (sizes.products > 0 ? PRODUCTS : 0)
  );
}
