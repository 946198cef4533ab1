/** What the fold of people reads and writes, and what it reports about merges. */

/** Stores the state. Values are never changed in place. */
export interface PeopleStore {
  get(key: string): Buffer | undefined;
  put(key: string, value: Buffer): void;
  delete(key: string): void;
}

/**
 * `loser` is from now on an alias of `winner`. `dissolved`: it was one anonymous cart. `isAgain`: it was an alias already,
 * of a person who was merged into the winner.
 */
export interface MergedPerson {
  loser: number;
  winner: number;
  dissolved: boolean;
  isAgain: boolean;
}
