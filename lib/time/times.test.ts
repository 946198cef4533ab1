import fc from 'fast-check';
import { Temporal } from 'temporal-polyfill';
import { describe, expect, it, vi } from 'vitest';
import { isTimeZone, startOfDay, step } from './index.ts';
import { instantOfLocal, OffsetCache } from './local-time.ts';
import { readInstant, readRequestTimestamp, readTime } from './times.ts';

const iso = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString());

describe('times as Jane writes them', () => {
  it.each([
    ['2021-06-21 21:41:28', 'UTC', '2021-06-21T21:41:28.000Z'],
    ['2021-06-21T21:41:28', 'UTC', '2021-06-21T21:41:28.000Z'],
    ['2021-06-21 21:41', 'UTC', '2021-06-21T21:41:00.000Z'],
    [' 2021-06-21 21:41:28 ', 'UTC', '2021-06-21T21:41:28.000Z'],
    ['2021-06-21 21:41:28.9999', 'UTC', '2021-06-21T21:41:28.999Z'],
    ['2021-06-21 21:41:28 UTC', 'America/New_York', '2021-06-21T21:41:28.000Z'],
    ['2021-06-21T21:41:28Z', 'America/New_York', '2021-06-21T21:41:28.000Z'],
    ['2021-06-21T21:41:28-07:00', 'America/New_York', '2021-06-22T04:41:28.000Z'],
    ['2021-06-21 21:41:28 +0530', 'UTC', '2021-06-21T16:11:28.000Z'],
    // The forms that Jane's times may take: parted by a space or T, with or without fraction and offset.
    ...[' ', 'T'].flatMap((by) =>
      ['', '.5', '.123456'].flatMap((fraction) =>
        ['Z', '+00', '+0000', '+00:00'].map((offset): [string, string, string] => [
          `2021-06-21${by}21:41:20${fraction}${offset}`,
          'America/New_York',
          `2021-06-21T21:41:20.${fraction.slice(1, 4).padEnd(3, '0')}Z`,
        ]),
      ),
    ),
    ['2021-06-21 21:41:20-07', 'UTC', '2021-06-22T04:41:20.000Z'],
    ['2021-06-21 21:41:20+5', 'UTC', null],
    ['2021-06-21 21:41:20+24', 'UTC', null],
    ['2021-06-21 21:41:20+000', 'UTC', null],
    ['2021-06-21 21:41:28', 'America/New_York', '2021-06-22T01:41:28.000Z'],
    ['2021-12-21 21:41:28', 'America/New_York', '2021-12-22T02:41:28.000Z'],
    // Skipped: forward by the gap. Doubled: the earlier.
    ['2021-03-14 02:30:00', 'America/New_York', '2021-03-14T07:30:00.000Z'],
    ['2021-11-07 01:30:00', 'America/New_York', '2021-11-07T05:30:00.000Z'],
    // A gap of half an hour: the two halves of one local hour differ.
    ['2021-10-03 02:15:00', 'Australia/Lord_Howe', '2021-10-02T15:45:00.000Z'],
    ['2021-10-03 02:45:00', 'Australia/Lord_Howe', '2021-10-02T15:45:00.000Z'],
    // A day that the zone skipped.
    ['2011-12-30 12:00:00', 'Pacific/Apia', '2011-12-30T22:00:00.000Z'],
    ['2024-02-29 00:00:00', 'UTC', '2024-02-29T00:00:00.000Z'],
    ['2016-12-31 23:59:60', 'UTC', '2017-01-01T00:00:00.000Z'],
    ['0001-01-01 00:00:00', 'UTC', '0001-01-01T00:00:00.000Z'],
    ['9999-12-31 23:59:59', 'UTC', '9999-12-31T23:59:59.000Z'],
    ['2023-02-29 00:00:00', 'UTC', null],
    ['2100-02-29 00:00:00', 'UTC', null],
    ['2021-04-31 00:00:00', 'UTC', null],
    ['2021-13-01 00:00:00', 'UTC', null],
    ['2021-00-01 00:00:00', 'UTC', null],
    ['2021-01-00 00:00:00', 'UTC', null],
    ['2021-01-01 24:00:00', 'UTC', null],
    ['2021-01-01 00:60:00', 'UTC', null],
    ['2021-01-01 00:00:61', 'UTC', null],
    ['2021-01-01 00:00:00+24:00', 'UTC', null],
    ['2021-01-01', 'UTC', null],
    ['1624311680', 'UTC', null],
    ['yesterday', 'UTC', null],
    ['', 'UTC', null],
    [`2021-01-01 00:00:00.${'0'.repeat(10000)}`, 'UTC', null],
  ])('%s in %s is %s', (text, zone, expected) => expect(iso(readTime(text, zone))).toBe(expected));

  it('agrees with Temporal in every zone, also from its cache', () => {
    const zones = [
      'America/New_York',
      'Australia/Lord_Howe',
      'Pacific/Apia',
      'Asia/Kathmandu',
      'Europe/London',
      'America/St_Johns',
    ];
    const minute = fc.integer({ min: Date.UTC(2009, 0, 1) / 60_000, max: Date.UTC(2027, 0, 1) / 60_000 });
    fc.assert(
      fc.property(minute, fc.constantFrom(...zones), fc.nat(59_999), (at, zone, rest) => {
        const local = at * 60_000 + rest;
        const expected = Temporal.PlainDateTime.from(new Date(local).toISOString().slice(0, -1)).toZonedDateTime(zone);
        expect(instantOfLocal(local, zone)).toBe(expected.epochMilliseconds);
        expect(instantOfLocal(local, zone)).toBe(expected.epochMilliseconds);
      }),
      { numRuns: 500 },
    );
  });

  it('agrees with Temporal around every change of the clocks of a year', () => {
    for (const zone of ['America/New_York', 'Australia/Lord_Howe', 'Africa/Casablanca'])
      for (let at = Date.UTC(2021, 0, 1); at < Date.UTC(2022, 0, 1); at += 20 * 60_000) {
        const expected = Temporal.PlainDateTime.from(new Date(at).toISOString().slice(0, -1)).toZonedDateTime(zone);
        if (instantOfLocal(at, zone) !== expected.epochMilliseconds) expect.fail(`${zone} ${iso(at)}`);
      }
  });
});

describe('instants of lines', () => {
  it.each([
    ['2026-03-17T09:30:00Z', '2026-03-17T09:30:00.000Z'],
    ['2026-03-17t09:30:00.1239z', '2026-03-17T09:30:00.123Z'],
    ['2026-03-17 09:30:00-07:00', '2026-03-17T16:30:00.000Z'],
    ['2026-03-17T09:30:00', null],
    ['2026-03-17T09:30Z', null],
    ['2026-03-17T09:30:00+0100', null],
    ['2026-03-17T09:30:00+01', null],
    [' 2026-03-17T09:30:00Z', null],
    ['2026-03-17', null],
  ])('%s is %s', (text, expected) => expect(iso(readInstant(text))).toBe(expected));
});

describe('request timestamps', () => {
  it.each([
    ['1624311680', 1624311680000],
    ['1624311680.1239', 1624311680123],
    ['1624311680123', 1624311680123],
    ['2021-06-21T21:41:20.5Z', 1624311680500],
    [' 1624311680 ', 1624311680000],
    ['', null],
    ['-1', null],
    ['1e9', null],
    ['NaN', null],
    ['Infinity', null],
    ['0x60d1', null],
    ['99999999999999999999', null],
    ['2021-06-21 21:41:20', null],
  ])('%j is %j', (header, expected) => expect(readRequestTimestamp(header)).toBe(expected));
});

describe('the cache of offsets', () => {
  it('keeps no more hours than its maximum, and does not know what it dropped', () => {
    const cache = new OffsetCache(3);
    for (let hour = 0; hour < 4; hour++) cache.set(hour % 2 === 0 ? 'Asia/Tokyo' : 'UTC', hour, hour);
    expect([cache.size, cache.get('UTC', 3), cache.get('UTC', 1), cache.get('Asia/Tokyo', 0)]).toEqual([
      1,
      3,
      undefined,
      undefined,
    ]);
  });

  it('keeps that an hour has no single offset', () => {
    const cache = new OffsetCache(3);
    cache.set('UTC', 1, null);
    expect(cache.get('UTC', 1)).toBeNull();
  });
});

/** Names that JavaScript engines take for historic reasons and that Temporal refuses. */
const LEGACY =
  'ACT AET AGT ART AST BET BST CAT CNT CST CTT EAT ECT IET IST JST MIT NET NST PLT PNT PRT PST SST VST'.split(' ');

describe('zones', () => {
  it.each([
    ['UTC', true],
    ['America/Los_Angeles', true],
    ['us/pacific', true],
    ['EST', true],
    ['Etc/GMT+5', true],
    ['Mars/Olympus', false],
    ['+02:00', false],
    ['2021-01-01T00:00[UTC]', false],
    ['', false],
    ...LEGACY.map((name): [string, boolean] => [name, false]),
  ])('%j: %s', (name, expected) => expect(isTimeZone(name)).toBe(expected));

  it('have names of a limited length: a longer text is not kept', () => {
    const kept = vi.spyOn(Map.prototype, 'set');
    const answer = isTimeZone(`Mars/${'x'.repeat(1_000_000)}`);
    const calls = kept.mock.calls.length;
    kept.mockRestore();
    expect([answer, calls]).toEqual([false, 0]);
  });

  it('are those that can be reckoned with, whatever the engine knows', () => {
    const names = [...Intl.supportedValuesOf('timeZone'), ...LEGACY, 'EST5EDT', 'GMT0', 'ROC', 'Factory', 'Z'];
    const reckons = (zone: string): boolean => {
      try {
        instantOfLocal(Date.UTC(2021, 5, 21), zone);
        startOfDay('2021-06-21', zone);
        step(Date.UTC(2021, 5, 21), 1, 'days', zone);
        return true;
      } catch {
        return false;
      }
    };
    expect(names.filter((zone) => isTimeZone(zone) !== reckons(zone))).toEqual([]);
  });
});
