/** Something that the program itself guarantees is not so: a defect, or memory that cannot be trusted. */
export class BrokenInvariantError extends Error {
  override readonly name = 'BrokenInvariantError';
}

/**
 * Stops before a broken invariant can reach what is stored or counted.
 * @param what has to hold, as a constant text, so that a check that passes costs nothing
 * @throws BrokenInvariantError
 */
export function invariant(holds: boolean, what: string): asserts holds {
  if (!holds) throw new BrokenInvariantError(`broken invariant: ${what}`);
}
