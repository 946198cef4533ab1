/** For each state the states that may follow it. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/** A state was to follow one that it may not follow: a defect of this code, not of its input. */
export class IllegalTransitionError extends Error {
  override readonly name = 'IllegalTransitionError';
}

/** Throws an IllegalTransitionError unless the table lists `to` after `from`. */
export function assertTransition<S extends string>(what: string, table: Transitions<S>, from: S, to: S): void {
  if (!table[from].includes(to)) throw new IllegalTransitionError(`${what}: ${to} may not follow ${from}`);
}
