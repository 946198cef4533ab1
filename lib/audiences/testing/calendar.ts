/**
 * Days and steps of the calendar for the oracle, from docs/semantics.md ("Local time") and what Intl knows of offsets. It
 * shares no code with lib/time; keep it that way.
 */

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

export const FIRST = Date.UTC(1970, 0, 1);
export const LAST = Date.UTC(2201, 0, 1) - 1;

const formats = new Map<string, Intl.DateTimeFormat>();

/** The wall clock of a zone, as if it were UTC. */
function wallClock(at: number, zone: string): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  const parts = new Map(format.formatToParts(at).map(({ type, value }) => [type, Number(value)]));
  const part = (name: Intl.DateTimeFormatPartTypes): number => parts.get(name)!;
  const whole = Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second'));
  return whole + (((at % 1000) + 1000) % 1000);
}

const offsetAt = (at: number, zone: string): number => wallClock(at, zone) - at;

/** From `from` on the zone is `offset` ahead of UTC, until the next piece. */
interface Piece {
  from: number;
  offset: number;
}

const piecesByDay = new Map<string, Piece[]>();

/** The pieces of one day of UTC. No zone changes its offset twice within a day. */
function piecesOfDay(day: number, zone: string): Piece[] {
  const name = `${zone} ${day}`;
  const known = piecesByDay.get(name);
  if (known !== undefined) return known;
  const from = day * DAY;
  const first = offsetAt(from, zone);
  const last = offsetAt(from + DAY - 1, zone);
  const pieces = [{ from, offset: first }];
  if (first !== last) {
    let [before, after] = [from, from + DAY - 1];
    while (after - before > 1) {
      const middle = Math.floor((before + after) / 2);
      if (offsetAt(middle, zone) === first) before = middle;
      else after = middle;
    }
    pieces.push({ from: after, offset: last });
  }
  piecesByDay.set(name, pieces);
  return pieces;
}

/** The pieces about a wall-clock time, wide enough for every offset and for a day that a zone skips. */
function piecesAbout(wall: number, zone: string): (Piece & { to: number })[] {
  const pieces: Piece[] = [];
  for (let day = Math.floor(wall / DAY) - 2; day <= Math.floor(wall / DAY) + 2; day++)
    for (const piece of piecesOfDay(day, zone)) if (pieces.at(-1)?.offset !== piece.offset) pieces.push(piece);
  return pieces.map((piece, i) => ({ ...piece, to: pieces[i + 1]?.from ?? Infinity }));
}

/** A skipped local time moves forward by the gap; of a doubled one the earlier counts. */
function instantOf(wall: number, zone: string): number {
  const pieces = piecesAbout(wall, zone);
  for (const { from, to, offset } of pieces) {
    const at = wall - offset;
    if (at >= from && at < to) return at;
  }
  const gap = pieces.findIndex((piece, i) => {
    const next = pieces[i + 1];
    return next !== undefined && wall >= piece.to + piece.offset && wall < next.from + next.offset;
  });
  return wall - pieces[gap]!.offset;
}

/** S(D): the first instant of day D. */
export function startOfDay(date: string, zone: string, plusDays = 0): number {
  const wall = Date.parse(`${date}T00:00:00Z`) + plusDays * DAY;
  let first = Infinity;
  for (const { from, to, offset } of piecesAbout(wall, zone)) {
    const at = Math.max(from, wall - offset);
    if (at < to) first = Math.min(first, at);
  }
  return first;
}

export type Unit = 'minutes' | 'hours' | 'days' | 'weeks' | 'months';

/** The instant `amount` units later; null past 1970 or 2200. */
export function step(at: number, amount: number, unit: Unit, zone: string): number | null {
  let to: number;
  if (unit === 'minutes') to = at + amount * MINUTE;
  else if (unit === 'hours') to = at + amount * HOUR;
  else {
    const wall = wallClock(at, zone);
    const days = unit === 'weeks' ? 7 * amount : amount;
    const shifted = unit === 'months' ? addMonths(wall, amount) : wall + days * DAY;
    // Years that Intl does not count in the same way.
    if (shifted < FIRST - 3 * DAY || shifted > LAST + 3 * DAY) return null;
    to = instantOf(shifted, zone);
  }
  return to < FIRST || to > LAST ? null : to;
}

/** The day is cut to the month's last. */
function addMonths(wall: number, amount: number): number {
  const date = new Date(wall);
  const months = date.getUTCFullYear() * 12 + date.getUTCMonth() + amount;
  const [year, month] = [Math.floor(months / 12), ((months % 12) + 12) % 12];
  const last = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
  return Date.UTC(year, month, Math.min(date.getUTCDate(), last)) + (((wall % DAY) + DAY) % DAY);
}
