import { TOUCH } from '../../lib/audiences/index.ts';

/** Stable words of the feed: why somebody entered or left. */
export type Cause = 'event' | 'retraction' | 'time' | 'merge' | 'definition' | 'erasure';

/**
 * The cause of a change. Several may have come together: what can explain the direction of the change goes first.
 * `isDue`: the time had come at which time alone might change it.
 */
export function causeOf(entered: boolean, touch: number, isDue: boolean): Cause {
  if ((touch & TOUCH.erased) !== 0) return 'erasure';
  if ((touch & TOUCH.merged) !== 0) return 'merge';
  if (entered) {
    if ((touch & TOUCH.asserted) !== 0) return 'event';
    if ((touch & TOUCH.retracted) !== 0) return 'retraction';
    return touch === 0 ? 'time' : 'event';
  }
  if ((touch & TOUCH.retracted) !== 0) return 'retraction';
  return touch === 0 || isDue ? 'time' : 'event';
}

/** People who may have changed since they were evaluated last, by workspace. */
export class Touched {
  private readonly workspaces = new Map<string, Map<number, number>>();
  size = 0;

  add(workspace: string, personId: number, touch: number): void {
    let people = this.workspaces.get(workspace);
    if (people === undefined) this.workspaces.set(workspace, (people = new Map()));
    const before = people.get(personId);
    if (before === undefined) this.size++;
    people.set(personId, (before ?? 0) | touch);
  }

  addAll(others: Touched): void {
    for (const [workspace, people] of others.workspaces) {
      for (const [personId, touch] of people) this.add(workspace, personId, touch);
    }
  }

  has(workspace: string, personId: number): boolean {
    return this.workspaces.get(workspace)?.has(personId) === true;
  }

  of(workspace: string): ReadonlyMap<number, number> {
    return this.workspaces.get(workspace) ?? NOBODY;
  }

  names(): string[] {
    return [...this.workspaces.keys()];
  }
}

const NOBODY: ReadonlyMap<number, number> = new Map();
