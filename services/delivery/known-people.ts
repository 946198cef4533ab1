import { personKey, RecentFacts, rowsOf, type PersonFacts } from '../../lib/audiences/index.ts';
import { withNews, type News } from './news.ts';

/** Facts that are remembered, in rows: about 16 MB. */
const ROWS_MAX = 50_000;
/** Former ids that are remembered: about 5 MB. */
const FORMER_IDS_MAX = 50_000;

interface Known {
  facts: PersonFacts;
  formerIds: readonly number[];
}

/** People as they were read, with all news since, as long as it is plain (see `plainFor`). */
export class KnownPeople {
  private recent = createRecent();
  /** Who has rows under the id of somebody who was merged. Some may be remembered no longer. */
  private readonly owners = new Map<string, number>();

  get(workspace: string, personId: number): PersonFacts | undefined {
    return this.recent.get(workspace, personId)?.facts;
  }

  /** @param formerIds ids of everybody who was merged into the person */
  set(workspace: string, facts: PersonFacts, formerIds: readonly number[]): void {
    for (const id of formerIds) this.owners.set(personKey(workspace, id), facts.personId);
    // Nobody may be remembered without their former ids.
    if (this.owners.size > FORMER_IDS_MAX) return this.clear();
    this.recent.set(workspace, facts.personId, { facts, formerIds });
  }

  /** There is news about the person, or about rows under this former id of one. */
  add(workspace: string, personId: number, news: News): void {
    const owner = this.owners.get(personKey(workspace, personId));
    if (owner !== undefined && owner !== news.plainFor) this.recent.delete(workspace, owner);
    const known = this.recent.get(workspace, personId);
    if (known === undefined) return;
    const facts = news.plainFor === personId ? withNews(known.facts, personId, [news.outcome]) : undefined;
    if (facts === undefined) this.recent.delete(workspace, personId);
    else this.recent.set(workspace, personId, { ...known, facts });
  }

  /** Forgets everybody, or everybody in the workspace. */
  clear(workspace: string | null = null): void {
    if (workspace !== null) return this.recent.clear(workspace);
    this.recent = createRecent();
    this.owners.clear();
  }
}

const createRecent = (): RecentFacts<Known> =>
  new RecentFacts(ROWS_MAX, ({ facts, formerIds }) => rowsOf(facts) + Math.ceil(formerIds.length / 3));
