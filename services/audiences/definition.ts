import type { Audience } from '../../lib/audiences/index.ts';

/** What the members of a live audience depend on, besides the people. */
export interface LiveDefinition {
  /** The audience's id. */
  id: string;
  workspace: string;
  /** The version of the definition, counted from 1. */
  version: number;
  audience: Audience;
  includeAnonymous: boolean;
  /** The workspace's zone, an IANA name. */
  zone: string;
}

/** Whether the same people match both, so that nobody needs to be evaluated again. */
export const matchesSame = (a: LiveDefinition, b: LiveDefinition): boolean =>
  a.zone === b.zone &&
  a.includeAnonymous === b.includeAnonymous &&
  JSON.stringify(a.audience) === JSON.stringify(b.audience);

/** An audience whose members the state holds. */
export interface KnownAudience extends LiveDefinition {
  /** Names the audience in the entries of people. Never used again for another audience. */
  number: number;
  /** False: switched off. Its members are kept as they were, for the day when it is switched on again. */
  live: boolean;
  /** False while people may still have to be evaluated by this definition: everybody is evaluated by it again. */
  complete: boolean;
}

/** A person by an audience's definition at one time. */
export interface Judgement {
  matches: boolean;
  /** The first time after that at which this may change without any new event, Unix ms; null: never. */
  nextMs: number | null;
}

/** Evaluates a definition at one time for many people; `F` is what is known of a person. */
export type JudgeAt<F> = (definition: LiveDefinition, nowMs: number) => (facts: F) => Judgement;
