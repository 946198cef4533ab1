/** Durations, shares and numbers as pages show them. Words and money: words.ts; times: time.ts. */

/** An amount of money in short, for axes: `$12.3K`. */
export const moneyShort = (amount: number): string =>
  amount.toLocaleString('en-US', {
    notation: 'compact',
    minimumFractionDigits: 0,
    maximumFractionDigits: 1,
    style: 'currency',
    currency: 'USD',
  });

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A duration in its two largest units: `12 s`, `45 min`, `3 h 20 min`, `2 d 4 h`. */
export function duration(lengthMs: number): string {
  const length = Math.max(0, lengthMs);
  if (length < MINUTE_MS - SECOND_MS / 2) return `${Math.round(length / SECOND_MS)} s`;
  if (length < HOUR_MS - MINUTE_MS / 2) return `${Math.round(length / MINUTE_MS)} min`;
  const [large, largeUnit, small, smallUnit] =
    length < DAY_MS - MINUTE_MS / 2 ? [HOUR_MS, 'h', MINUTE_MS, 'min'] : [DAY_MS, 'd', HOUR_MS, 'h'];
  const rounded = Math.round(length / small) * small;
  const whole = Math.floor(rounded / large);
  const rest = (rounded - whole * large) / small;
  return rest === 0 ? `${whole} ${largeUnit}` : `${whole} ${largeUnit} ${rest} ${smallUnit}`;
}

/** A share as a percentage: `32 %`, `0.4 %`; a dash of nothing. */
export function percent(part: number, whole: number): string {
  if (whole === 0) return '–';
  const value = (100 * part) / whole;
  return `${value > 0 && value < 1 ? value.toFixed(1) : Math.round(value)} %`;
}

/** A phone number in E.164 for reading: North American ones in their groups, others as they are. */
export function phoneText(e164: string): string {
  const groups = /^\+1(\d{3})(\d{3})(\d{4})$/.exec(e164);
  return groups ? `+1 ${groups.slice(1).join(' ')}` : e164;
}
