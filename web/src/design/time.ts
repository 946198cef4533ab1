import { useEffect, useState } from 'react';

/** The wall clock in Unix milliseconds, updated every `everyMs` while the page is visible. */
export function useNow(everyMs = 1_000): number {
  const [nowMs, setNowMs] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => {
      if (!document.hidden) setNowMs(Date.now());
    }, everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return nowMs;
}

/** Up to this delay a person would say "now". */
export const FRESH_MS = 3_000;

const formats = new Map<string, Intl.DateTimeFormat>();

/** A format of times. Making one takes far longer than using it, so each is made once. */
function formatOf(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${JSON.stringify(options)}`;
  let format = formats.get(key);
  if (format === undefined) formats.set(key, (format = new Intl.DateTimeFormat(locale, options)));
  return format;
}

/** The day in a time zone as YYYY-MM-DD. */
export function dayIn(timeZone: string, atMs: number): string {
  return formatOf('en-CA', { timeZone, year: 'numeric', month: '2-digit', day: '2-digit' }).format(atMs);
}

/** The time of day in a time zone, with the zone: `23:30:05 PDT`. */
export function clockIn(timeZone: string, atMs: number): string {
  return formatOf('en-US', {
    timeZone,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
    timeZoneName: 'short',
  }).format(atMs);
}

/** Day and time in a time zone: `16 Mar 2026, 23:30:05 PDT`. */
export function stampIn(timeZone: string, atMs: number): string {
  const day = formatOf('en-GB', { timeZone, dateStyle: 'medium' }).format(atMs);
  return `${day}, ${clockIn(timeZone, atMs)}`;
}

/** How long ago, in short: `now`, `42 s`, `12 min`, `3 h`, `5 d`. */
export function ago(atMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.round((nowMs - atMs) / 1_000));
  if (seconds < 2) return 'now';
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

const WEEK_MS = 7 * 86_400_000;

/** How long ago; for times older than a week the day: `21 Jun 2021`. */
export const agoOrDay = (timeZone: string, atMs: number, nowMs: number): string =>
  nowMs - atMs > WEEK_MS ? formatOf('en-GB', { timeZone, dateStyle: 'medium' }).format(atMs) : ago(atMs, nowMs);

/** A duration in short: `0.4 s`, `12 s`, `3 min`. */
export function span(lengthMs: number): string {
  if (lengthMs < 0) return '0 s';
  if (lengthMs < 9_950) return `${(lengthMs / 1_000).toFixed(1)} s`;
  if (lengthMs < 60_000) return `${Math.round(lengthMs / 1_000)} s`;
  if (lengthMs < 3_600_000) return `${Math.round(lengthMs / 60_000)} min`;
  return `${Math.round(lengthMs / 3_600_000)} h`;
}

export const count = (value: number): string => value.toLocaleString('en-US');
