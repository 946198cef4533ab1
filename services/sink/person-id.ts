/** A record without usable content. Its partition cannot be read past it. */
export class UnusableRecordError extends Error {
  override readonly name = 'UnusableRecordError';
}

const UINT32_MAX = 2 ** 32 - 1;

/** The id as it fits into a column. Throws UnusableRecordError. */
export function personId(id: number): number {
  if (!Number.isInteger(id) || id < 1 || id > UINT32_MAX) throw new UnusableRecordError(`${id} is not a person id`);
  return id;
}
