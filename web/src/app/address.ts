/**
 * Reads the parameters of an address, the part after the `?`. Anything may stand there: what is not understood is left out.
 * Every page loads this file with the routes, so it imports no library.
 */
export type Given = Readonly<Record<string, unknown>>;

/** A text that is not blank. The router reads digits as a number, also where a text is meant. */
export function textIn(value: unknown): string | undefined {
  const text = typeof value === 'number' ? String(value) : value;
  return typeof text === 'string' && text.trim() !== '' ? text : undefined;
}

/** One or several texts, each of them once. */
export function textsIn(value: unknown): string[] {
  const all = Array.isArray(value) ? (value as unknown[]) : [value];
  return [...new Set(all.flatMap((one) => textIn(one) ?? []))];
}

/** A whole number from 1 to `max`, also as text. */
export function wholeNumberIn(value: unknown, max: number): number | undefined {
  const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
  const isGood = typeof number === 'number' && Number.isInteger(number) && number >= 1 && number <= max;
  return isGood ? number : undefined;
}

/** One of the known texts. */
export const oneOf = <T extends string>(value: unknown, known: readonly T[]): T | undefined =>
  known.find((one) => one === value);

/** The members that have a value, as exact optional properties need them. */
export const present = <T extends object>(members: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
