/** For each state of a thing, the states that may follow it. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/** A transition that the table does not allow: a defect of the program, not of its input. */
export class IllegalTransitionError extends Error {
  override readonly name = 'IllegalTransitionError';
}

/**
 * Throws an IllegalTransitionError unless `table` allows the transition from `from` to `to`. `what` names the thing in
 * the message.
 */
export function assertTransition<S extends string>(what: string, table: Transitions<S>, from: S, to: S): void {
  if (!table[from].includes(to)) throw new IllegalTransitionError(`${what}: "${from}" cannot become "${to}"`);
}
