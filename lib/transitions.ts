import { AssertionError } from 'node:assert';

/** For each state of a thing, the states that may follow it. */
export type Transitions<S extends string> = Readonly<Record<S, readonly S[]>>;

/** Throws an AssertionError unless `table` lets `to` follow `from`. `what` names the thing in the message. */
export function assertTransition<S extends string>(what: string, table: Transitions<S>, from: S, to: S): void {
  if (table[from].includes(to)) return;
  throw new AssertionError({ message: `${what}: "${from}" cannot become "${to}"` });
}
