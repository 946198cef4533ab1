import { instantOfLocal } from './local-time.ts';

const DATE_TIME =
  /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,30}))?(?: ?(?:([Zz]|UTC|GMT)|([+-])(\d\d)(?::?(\d\d))?))?$/;
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,30})?(?:[Zz]|[+-]\d\d:\d\d)$/;
const NO_SECONDS = /^(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d)(?![\d:])/;

/**
 * Reads a time as Jane writes it: `2021-06-21 21:41:28`, with or without a fraction, with or without a zone. One
 * without a zone is meant in `zone`. Unix ms, rounded down; null for any other text.
 */
export function readTime(text: string, zone: string): number | null {
  if (text.length > 64) return null;
  const match = DATE_TIME.exec(text.trim().replace(NO_SECONDS, '$1:00'));
  if (match === null) return null;
  const [, year, month, day, hour, minute, second, fraction, utc, sign, offsetHours, offsetMinutes] = match;
  const local = localMs(+year!, +month!, +day!, +hour!, +minute!, +second!, fraction);
  if (local === null) return null;
  if (utc !== undefined) return local;
  if (sign === undefined) return instantOfLocal(local, zone);
  const minutes = +(offsetMinutes ?? 0);
  if (+offsetHours! > 23 || minutes > 59) return null;
  const offset = (+offsetHours! * 60 + minutes) * 60_000;
  return sign === '+' ? local - offset : local + offset;
}

/** Reads an RFC 3339 instant: the zone must be there. Unix ms, floored; null for anything else. */
export function readInstant(text: string): number | null {
  return RFC_3339.test(text) ? readTime(text, 'UTC') : null;
}

function localMs(
  year: number,
  month: number,
  day: number,
  hour: number,
  minute: number,
  second: number,
  fraction: string | undefined,
): number | null {
  // A leap second (60) is the first instant of the next minute, as in Unix time.
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return null;
  if (day > 28 && day > new Date(Date.UTC(2000 + (year % 400), month, 0)).getUTCDate()) return null;
  const milliseconds = fraction === undefined ? 0 : +fraction.slice(0, 3).padEnd(3, '0');
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second, milliseconds));
  // Date.UTC takes years below 100 for 19xx, so the year is set apart (and the day with it: 29 February).
  if (year >= 100) return Date.UTC(year, month - 1, day, hour, minute, second, milliseconds);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime();
}

/** Digits below this are Unix seconds, from it on Unix milliseconds (5138 as seconds, 1973 as milliseconds). */
const FIRST_MILLISECONDS = 100_000_000_000;

/**
 * Reads the header `X-Jane-Request-Timestamp`, whose form Jane does not document: Unix seconds, Unix
 * milliseconds or RFC 3339. Unix ms, floored; null for anything else.
 */
export function readRequestTimestamp(header: string): number | null {
  const text = header.trim();
  const match = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) return readInstant(text);
  const value = Number(match[1]);
  return value < FIRST_MILLISECONDS ? value * 1000 + +(match[2] ?? '').slice(0, 3).padEnd(3, '0') : value;
}
