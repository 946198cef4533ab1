/** When a cart came to each of its statuses and left it. Layout: docs/adr, "state of a cart". */
import { ByteReader, ByteWriter } from '../bytes/index.ts';

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

/** One stay per status that a cart has had, in the order of the changes. Those that a state has are read when needed. */
export class Stays {
  /** T of the first change; NEVER before it. */
  firstAt = NEVER;
  private stays: Stay[] | undefined;
  /** As they are stored in a state, until they are needed. */
  private unread: ByteReader | undefined;

  /** Makes it equal to a new one. */
  clear(): void {
    this.firstAt = NEVER;
    this.stays = undefined;
    this.unread = undefined;
  }

  /** Takes those that a state has. */
  read(reader: ByteReader, firstAt: number): void {
    this.firstAt = firstAt;
    const start = reader.advance(reader.unsigned(), 'statuses');
    this.unread = new ByteReader(reader.bytes, reader.subject, start, reader.at);
  }

  /** In the order of the changes; the last one is the current status. */
  all(): readonly Stay[] {
    return this.open();
  }

  /** The status changes at `at`, which is not before earlier changes. */
  change(status: number, at: number): void {
    const stays = this.open();
    const current = stays.at(-1);
    if (current === undefined) this.firstAt = at;
    else current.leftAt = at;
    const index = stays.findIndex((stay) => stay.status === status);
    if (index >= 0) stays.splice(index, 1);
    stays.push({ status, beganAt: at, leftAt: NEVER });
  }

  write(writer: ByteWriter): void {
    if (this.unread !== undefined) {
      const { bytes, at, end } = this.unread;
      writer.unsigned(end - at);
      writer.append(bytes, at, end);
      return;
    }
    const stays = this.open();
    const content = new ByteWriter(8 * stays.length);
    let before = this.firstAt;
    for (const [index, { status, beganAt, leftAt }] of stays.entries()) {
      content.unsigned(status);
      content.unsigned(beganAt - before);
      before = beganAt;
      const next = stays[index + 1];
      if (next === undefined) break;
      content.unsigned(leftAt === next.beganAt ? LEFT_FOR_NEXT : 1 + leftAt - beganAt);
    }
    writer.unsigned(content.at);
    writer.append(content.bytes, 0, content.at);
  }

  private open(): Stay[] {
    if (this.stays !== undefined) return this.stays;
    this.stays = this.unread === undefined ? [] : readStays(this.unread, this.firstAt);
    this.unread = undefined;
    return this.stays;
  }
}

function readStays(reader: ByteReader, firstAt: number): Stay[] {
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
