/** Stored bytes that do not follow their format. Nothing is derived from such a state. */
export class DamagedStateError extends Error {
  override readonly name = 'DamagedStateError';

  /**
   * @param subject whose state it is, without personal data, for example "the state of cart demo:7469"
   * @param offset of the byte that breaks the format, from the start of the state
   * @param expected what the format asks for there, for example "4 bytes of text"
   */
  constructor(
    readonly subject: string,
    readonly offset: number,
    readonly expected: string,
  ) {
    super(`${subject} is damaged at byte ${offset}: expected ${expected}`);
  }

  /** The same damage, reported for a subject that the caller knows better. */
  of(subject: string): DamagedStateError {
    return new DamagedStateError(subject, this.offset, this.expected);
  }
}
