/** A precondition outside of this project is not met. The message says what to do; it is printed without a stack. */
export class SetupError extends Error {
  override readonly name = 'SetupError';
}
