/** When a cart came to each of its statuses and left it. Layout: docs/adr, "state of a cart". */
import { ByteReader, type ByteWriter } from '../bytes/index.ts';
import { CART_STATE } from './format.ts';

/** A missing time: it has not happened. All times are Unix milliseconds. */
export const NEVER = Number.NaN;

/** A status that the cart has had. */
export interface Stay {
  /** Code of the status. */
  status: number;
  /** T of the latest change to it. */
  beganAt: number;
  /** T of the latest change away from it; NEVER while it is the current status. */
  leftAt: number;
}

/** In a stored stay: it ended when the next one began. */
const LEFT_FOR_NEXT = 0;

/** No change waits to be added to the stored stays. */
const NONE = -1;

/** One stay per status that a cart has had, in the order of the changes. Those that a state has are read when needed. */
export class Stays {
  /** T of the first change; NEVER before it. */
  firstAt = NEVER;
  private stays: Stay[] | undefined;
  /** The bytes of a state that has the stays from `storedAt` to `storedEnd`; undefined once they are read. */
  private stored: Buffer | undefined;
  private storedAt = 0;
  private storedEnd = 0;
  /** A change to a status that the stored stays do not have; NONE, or its code. */
  private nextStatus = NONE;
  private nextAt = NEVER;
  /** T of the change before it. */
  private currentAt = NEVER;

  /** Makes it equal to a new one. */
  clear(): void {
    this.firstAt = NEVER;
    this.stays = undefined;
    this.stored = undefined;
    this.storedAt = 0;
    this.storedEnd = 0;
    this.nextStatus = NONE;
    this.nextAt = NEVER;
    this.currentAt = NEVER;
  }

  /** Takes those that a state has. */
  read(reader: ByteReader, firstAt: number): void {
    this.clear();
    this.firstAt = firstAt;
    this.storedAt = reader.advance(reader.unsigned(), 'statuses');
    this.storedEnd = reader.at;
    this.stored = reader.bytes;
  }

  /** In the order of the changes; the last one is the current status. */
  all(): readonly Stay[] {
    return this.open();
  }

  /**
   * The status changes to `status` at `at`, which is not before earlier changes.
   * @param reentered the cart has had this status
   * @param currentAt T of the change before this one; any value for the first
   */
  change(status: number, at: number, reentered: boolean, currentAt: number): void {
    if (this.stored !== undefined && !reentered && this.nextStatus === NONE) {
      this.nextStatus = status;
      this.nextAt = at;
      this.currentAt = currentAt;
    } else {
      takeChange(this.open(), status, at);
      if (Number.isNaN(this.firstAt)) this.firstAt = at;
    }
  }

  write(writer: ByteWriter): void {
    const start = writer.beginBlock();
    if (this.stored !== undefined) {
      writer.append(this.stored, this.storedAt, this.storedEnd);
      if (this.nextStatus !== NONE) {
        writer.unsigned(LEFT_FOR_NEXT);
        writer.unsigned(this.nextStatus);
        writer.unsigned(this.nextAt - this.currentAt);
      }
    } else {
      writeStays(writer, this.open(), this.firstAt);
    }
    writer.endBlock(start);
  }

  private open(): Stay[] {
    const { stored, nextStatus } = this;
    if (this.stays !== undefined) return this.stays;
    const stays = stored === undefined ? [] : readStays(stored, this.storedAt, this.storedEnd, this.firstAt);
    if (nextStatus !== NONE) takeChange(stays, nextStatus, this.nextAt);
    this.stays = stays;
    this.stored = undefined;
    this.nextStatus = NONE;
    return stays;
  }
}

function takeChange(stays: Stay[], status: number, at: number): void {
  const current = stays.at(-1);
  if (current !== undefined) current.leftAt = at;
  const index = stays.findIndex((stay) => stay.status === status);
  if (index >= 0) stays.splice(index, 1);
  stays.push({ status, beganAt: at, leftAt: NEVER });
}

function writeStays(writer: ByteWriter, stays: readonly Stay[], firstAt: number): void {
  let before = firstAt;
  for (const [index, { status, beganAt, leftAt }] of stays.entries()) {
    writer.unsigned(status);
    writer.unsigned(beganAt - before);
    before = beganAt;
    const next = stays[index + 1];
    if (next === undefined) break;
    writer.unsigned(leftAt === next.beganAt ? LEFT_FOR_NEXT : 1 + leftAt - beganAt);
  }
}

function readStays(bytes: Buffer, start: number, end: number, firstAt: number): Stay[] {
  const reader = new ByteReader(bytes, CART_STATE, start, end);
  const stays: Stay[] = [];
  let before: Stay | undefined;
  let isLeftForNext = false;
  while (!reader.done) {
    const status = reader.unsigned();
    const beganAt = (before?.beganAt ?? firstAt) + reader.unsigned();
    if (before !== undefined && isLeftForNext) before.leftAt = beganAt;
    before = { status, beganAt, leftAt: NEVER };
    stays.push(before);
    if (reader.done) break;
    const left = reader.unsigned();
    isLeftForNext = left === LEFT_FOR_NEXT;
    if (!isLeftForNext) before.leftAt = beganAt + left - 1;
  }
  return stays;
}
