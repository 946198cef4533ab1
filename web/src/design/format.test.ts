import { describe, expect, it } from 'vitest';
import { duration, moneyShort, percent, phoneText } from './format.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('values on pages', () => {
  it('money on axes is short', () => {
    expect([moneyShort(12_300), moneyShort(950), moneyShort(0)]).toEqual(['$12.3K', '$950', '$0']);
  });

  it.each([
    [-5, '0 s'],
    [12_400, '12 s'],
    [59_700, '1 min'],
    [45 * MINUTE, '45 min'],
    [59.6 * MINUTE, '1 h'],
    [3 * HOUR + 20 * MINUTE, '3 h 20 min'],
    [23 * HOUR + 59.7 * MINUTE, '1 d'],
    [2 * DAY + 3.6 * HOUR, '2 d 4 h'],
    [40 * DAY, '40 d'],
  ])('%d ms last %s', (lengthMs, text) => {
    expect(duration(lengthMs)).toBe(text);
  });

  it('shares and phones', () => {
    expect([percent(1, 3), percent(1, 250), percent(0, 5), percent(0, 0)]).toEqual(['33 %', '0.4 %', '0 %', '–']);
    expect(phoneText('+18085550143')).toBe('+1 808 555 0143');
    expect(phoneText('+442071838750')).toBe('+442071838750');
  });
});
