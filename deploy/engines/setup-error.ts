/** Something outside of this project is not as it must be; the message says what to do, and needs no stack. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}
