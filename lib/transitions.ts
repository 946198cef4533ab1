/** For each state of a thing, the states that may follow it. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/** A state would have followed one that it may not follow: a defect of the program, not of its input. */
export class IllegalTransitionError extends Error {
  override readonly name = 'IllegalTransitionError';
}

/** Throws an IllegalTransitionError unless `table` lets `to` follow `from`. `what` names the thing in the message. */
export function assertTransition<S extends string>(what: string, table: Transitions<S>, from: S, to: S): void {
  if (!table[from].includes(to)) throw new IllegalTransitionError(`${what}: "${from}" cannot become "${to}"`);
}
