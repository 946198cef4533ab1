import { assertTransition, type Transitions } from '../../lib/transitions.ts';

/** The partitions that the group gave to this member, until it gives others, or reading has to begin again. */
export class Assignment {
  private readonly ended = new AbortController();

  constructor(readonly partitions: readonly number[]) {}

  /** Aborted when the assignment ends: what is attempted for it is not needed any more. */
  get signal(): AbortSignal {
    return this.ended.signal;
  }

  get hasEnded(): boolean {
    return this.ended.signal.aborted;
  }

  end(): void {
    this.ended.abort();
  }

  isSameAs(partitions: readonly number[]): boolean {
    return partitions.length === this.partitions.length && partitions.every((p) => this.partitions.includes(p));
  }
}

export type ConsumerState =
  /** The group has assigned nothing yet. */
  | { readonly name: 'idle' }
  /** The partitions are being compared with their ledgers. */
  | { readonly name: 'opening'; readonly assignment: Assignment }
  | { readonly name: 'open'; readonly assignment: Assignment }
  /** What is gathered for `assignment` is still written; null where none was open. */
  | { readonly name: 'closing'; readonly assignment: Assignment | null }
  | { readonly name: 'stopped' };

export const CONSUMER_TRANSITIONS: Transitions<ConsumerState['name']> = {
  idle: ['opening', 'closing'],
  opening: ['opening', 'open', 'closing'],
  open: ['opening', 'closing'],
  closing: ['stopped'],
  stopped: [],
};

/** Asserts that the transition is legal, and ends an assignment that the next state does not keep. */
export function transition(topic: string, from: ConsumerState, to: ConsumerState): ConsumerState {
  assertTransition(`consumer of ${topic}`, CONSUMER_TRANSITIONS, from.name, to.name);
  const before = assignmentOf(from);
  if (before !== null && before !== assignmentOf(to)) before.end();
  return to;
}

export const assignmentOf = (state: ConsumerState): Assignment | null =>
  'assignment' in state ? state.assignment : null;
