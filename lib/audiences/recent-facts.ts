import type { PersonFacts } from './facts.ts';

interface Entry<F> {
  facts: F;
  rows: number;
}

/**
 * Facts of people as they were read last, in limited memory: those that were read longest ago are dropped first. Facts
 * change by records alone, and each such record names the person; so when only time has passed since, they need not be
 * read again.
 */
export class RecentFacts<F> {
  /** In the order of reading. */
  private readonly entries = new Map<string, Entry<F>>();
  private rows = 0;

  /** @param rowsOf how many rows the facts of a person hold */
  constructor(
    private readonly rowsMax: number,
    private readonly rowsOf: (facts: F) => number,
  ) {}

  get(workspace: string, personId: number): F | undefined {
    return this.entries.get(personKey(workspace, personId))?.facts;
  }

  set(workspace: string, personId: number, facts: F): void {
    this.delete(workspace, personId);
    const rows = this.rowsOf(facts);
    // It would drop everybody else, then itself.
    if (rows > this.rowsMax) return;
    this.entries.set(personKey(workspace, personId), { facts, rows });
    this.rows += rows;
    for (const [key, { rows }] of this.entries) {
      if (this.rows <= this.rowsMax) break;
      this.entries.delete(key);
      this.rows -= rows;
    }
  }

  delete(workspace: string, personId: number): void {
    const key = personKey(workspace, personId);
    this.rows -= this.entries.get(key)?.rows ?? 0;
    this.entries.delete(key);
  }

  /** Forgets everybody in the workspace. */
  clear(workspace: string): void {
    for (const [key, { rows }] of this.entries) {
      if (!key.startsWith(personKey(workspace, ''))) continue;
      this.entries.delete(key);
      this.rows -= rows;
    }
  }
}

/** One key for a person of any workspace. No id of a workspace contains a colon; with '' it is the prefix of all its keys. */
export const personKey = (workspace: string, personId: number | ''): string => `${workspace}:${personId}`;

/** A line of products, or a stay of a cart, takes about a third of the memory of a trait event without products. */
export function rowsOf({ traitEvents, carts }: PersonFacts): number {
  let details = 0;
  for (const { products } of traitEvents) details += products?.length ?? 0;
  for (const { products, statuses } of carts) details += (products?.length ?? 0) + statuses.length;
  return 1 + traitEvents.length + carts.length + Math.ceil(details / 3);
}
