/** Exact times as a field shows them: local time in the workspace's zone. */

/** An instant (RFC 3339) as the value of a `datetime-local` field: `2026-03-17T06:30:05`. */
export function localAt(instant: string, timeZone: string): string {
  const atMs = Date.parse(instant);
  if (Number.isNaN(atMs)) return '';
  const parts = new Intl.DateTimeFormat('sv-SE', {
    timeZone,
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  }).format(atMs);
  return parts.replace(' ', 'T');
}

/** The short name of the zone at an instant: `PDT`. */
export function zoneNameAt(instant: string, timeZone: string): string {
  const atMs = Date.parse(instant);
  if (Number.isNaN(atMs)) return timeZone;
  const parts = new Intl.DateTimeFormat('en-US', { timeZone, timeZoneName: 'short' }).formatToParts(atMs);
  return parts.find(({ type }) => type === 'timeZoneName')?.value ?? timeZone;
}

/** The instant of a local time, by the same rule as everywhere else; its calendar is loaded when it is first needed. */
export async function instantAt(local: string, timeZone: string): Promise<string> {
  const { instantOfLocal } = await import('../../../../lib/time/local-time.ts');
  const atMs = instantOfLocal(Date.parse(`${local.length === 16 ? `${local}:00` : local}Z`), timeZone);
  return new Date(atMs).toISOString();
}
