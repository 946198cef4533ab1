import { Temporal } from 'temporal-polyfill';
import { describe, expect, it } from 'vitest';
import { createRandom } from '../simulate/random.ts';
import { areaCodes, zonesOfPhone } from './area-codes.ts';
import { candidateZones, HOLD_MAX_MS, nextAllowed } from './quiet-hours.ts';
import { MINUTE_MS, nextLocalTime } from './times.ts';
import { WEEKDAYS } from './definition.ts';

const SEED = Number(process.env['JT_SEED'] ?? 20_261_130);

const pad = (n: number): string => String(n).padStart(2, '0');
const ZONES = [
  'America/New_York',
  'America/Los_Angeles',
  'America/Phoenix',
  'Pacific/Honolulu',
  'America/St_Johns',
  'Europe/London',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
  'Pacific/Apia',
  'Africa/Casablanca',
  'UTC',
];

/** The wall clock of a zone, as minutes after midnight: what a person would read. */
function wallMinutes(ms: number, zone: string): number {
  const { hour, minute } = Temporal.Instant.fromEpochMilliseconds(ms).toZonedDateTimeISO(zone);
  return hour * 60 + minute;
}

function isInside(ms: number, from: number, to: number, zone: string): boolean {
  const minutes = wallMinutes(ms, zone);
  return from < to ? minutes >= from && minutes < to : minutes >= from || minutes < to;
}

/** Minute by minute. */
function bruteForce(nowMs: number, from: number, to: number, zones: readonly string[], maxMs: number): number | null {
  const allows = (ms: number): boolean => zones.every((zone) => isInside(ms, from, to, zone));
  if (allows(nowMs)) return nowMs;
  for (let at = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS; at - nowMs <= maxMs; at += MINUTE_MS)
    if (allows(at)) return at;
  return null;
}

/** Instants near which clocks change, and a usual one. */
const TIMES = [
  '2026-03-08T06:00:00Z',
  '2026-11-01T05:00:00Z',
  '2026-03-29T00:00:00Z',
  '2026-10-25T00:00:00Z',
  '2026-04-04T14:00:00Z',
  '2026-10-03T15:00:00Z',
  '2011-12-29T12:00:00Z',
  '2026-07-15T12:00:00Z',
].map((text) => Date.parse(text));

describe('quiet hours', () => {
  it('end as a brute-force search minute by minute finds, over zones and changes of clocks', () => {
    const { next: random, pick } = createRandom(SEED);
    for (let i = 0; i < 80; i++) {
      const zones = Array.from({ length: 1 + Math.floor(random() * 3) }, () => pick(ZONES));
      const [from, to] = [Math.floor(random() * 1440), Math.floor(random() * 1440)];
      const nowMs = pick(TIMES) + Math.floor((random() - 0.5) * 2 * 86_400_000);
      const text = (minutes: number): string => `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
      const found = nextAllowed(nowMs, { from: text(from), to: text(to), channels: [] }, zones);
      // Two days show every pattern but those around a change of clocks, which is within a day of the times above.
      const expected = bruteForce(nowMs, from, to, zones, 3 * 86_400_000);
      if (expected === null) expect(found === null || found - nowMs > 3 * 86_400_000).toBe(true);
      else expect([text(from), text(to), zones, nowMs, found]).toEqual([text(from), text(to), zones, nowMs, expected]);
    }
  });

  it('end as the search finds, where the clocks of a zone change before they end', () => {
    const { next: random, pick } = createRandom(SEED + 2);
    const at = (minutes: number): string => `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
    const changing = ZONES.flatMap((zone) => {
      const start = Temporal.Instant.from('2026-02-01T00:00Z').toZonedDateTimeISO(zone);
      const first = start.getTimeZoneTransition('next');
      const second = first?.getTimeZoneTransition('next') ?? null;
      return [first, second].flatMap((change) =>
        change === null ? [] : [{ zone, changeMs: change.epochMilliseconds }],
      );
    });
    expect(changing.length).toBeGreaterThan(8);
    for (let i = 0; i < 100; i++) {
      const { zone, changeMs } = pick(changing);
      const nowMs = changeMs - Math.floor(random() * 6 * 60 * MINUTE_MS);
      const from = (wallMinutes(changeMs, zone) + Math.floor((random() - 0.3) * 300) + 1_440) % 1_440;
      const hours = { from: at(from), to: at((from + 30 + Math.floor(random() * 600)) % 1_440) };
      const found = nextAllowed(nowMs, { ...hours, channels: [] }, [zone]);
      const [start, end] = [hours.from, hours.to].map((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)));
      const expected = bruteForce(nowMs, start!, end!, [zone], 86_400_000 * 2);
      expect([zone, hours, nowMs, found]).toEqual([zone, hours, nowMs, expected]);
    }
  });

  it('that never overlap are given up after eight days', () => {
    const zones = ['America/New_York', 'Asia/Tokyo'];
    expect(nextAllowed(TIMES[7]!, { from: '09:00', to: '10:00', channels: [] }, zones)).toBeNull();
    expect(HOLD_MAX_MS).toBe(8 * 86_400_000);
  });

  it('of the state of the area code, of the workspace, or of the person alone', () => {
    const recipient = { timeZone: null, workspaceZone: 'America/New_York', channel: 'sms' as const };
    const of = (address: string | null, more = {}): string[] => candidateZones({ ...recipient, address, ...more });
    expect(of('+18085550101')).toEqual(['America/New_York', 'Pacific/Honolulu']);
    expect(of('+12125550101')).toEqual(['America/New_York']);
    expect(of('+18505550101')).toEqual(['America/New_York', 'America/Chicago']);
    expect(of('+442071234567')).toEqual(['America/New_York']);
    expect(of('+18885550101')).toEqual(['America/New_York']);
    expect(of('+18085550101', { timeZone: 'Europe/London' })).toEqual(['Europe/London']);
    expect(of('p@example.com', { channel: 'email' })).toEqual(['America/New_York']);
  });
});

describe('area codes', () => {
  const all = areaCodes();

  it('have one state each, and zones that exist', () => {
    expect(all.length).toBeGreaterThan(370);
    expect(new Set(all.map(({ code }) => code)).size).toBe(all.length);
    for (const { code, zones } of all) {
      expect(code).toMatch(/^[2-9]\d\d$/);
      expect(zonesOfPhone(`+1${code}5550101`)).toBe(zones);
      for (const zone of zones) expect(() => wallMinutes(0, zone)).not.toThrow();
    }
    expect(new Set(all.map(({ state }) => state)).size).toBe(50 + 1 + 5 + 10);
  });
});

describe('the next local time', () => {
  it('is the first minute after now at which the wall clock first shows it that day', () => {
    const { next: random, pick } = createRandom(SEED + 1);
    for (let i = 0; i < 300; i++) {
      const zone = pick(ZONES.filter((name) => name !== 'Pacific/Apia'));
      const minutes = Math.floor(random() * 1440);
      const nowMs = pick(TIMES) + Math.floor((random() - 0.5) * 2 * 86_400_000);
      const days = random() < 0.5 ? undefined : [...WEEKDAYS].filter(() => random() < 0.4);
      if (days?.length === 0) continue;
      const time = `${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
      const found = nextLocalTime(nowMs, { time, zone: 'workspace', ...(days === undefined ? {} : { days }) }, zone);
      expect([zone, time, nowMs, days, found]).toEqual([zone, time, nowMs, days, search(nowMs, minutes, days, zone)]);
    }
  });

  /** Day by day: the local time of each day, as Temporal resolves skipped and doubled ones. */
  function search(nowMs: number, minutes: number, days: readonly string[] | undefined, zone: string): number {
    let date = Temporal.Instant.fromEpochMilliseconds(nowMs)
      .toZonedDateTimeISO(zone)
      .toPlainDate()
      .subtract({ days: 2 });
    for (; ; date = date.add({ days: 1 })) {
      const time = new Temporal.PlainTime(Math.floor(minutes / 60), minutes % 60);
      const at = date.toPlainDateTime(time).toZonedDateTime(zone, { disambiguation: 'compatible' }).epochMilliseconds;
      if (at > nowMs && (days === undefined || days.includes(WEEKDAYS[date.dayOfWeek - 1]!))) return at;
    }
  }
});
