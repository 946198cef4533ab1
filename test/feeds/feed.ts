/** The feed of live audiences as a client reads it, and what a full evaluation gives. */
import { compile, type Audience } from '../../lib/audiences/index.ts';
import { queryRows, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { request, type Workspace } from '../harness/client.ts';
import type { Installation } from '../harness/installation.ts';

export interface FeedItem {
  person_id: string;
  change: 'entered' | 'left';
  at: string;
  cause: string;
  version: number;
}

interface FeedPage {
  items: FeedItem[];
  next_cursor: string;
}

/** One audience's feed, followed from its beginning, with the members that it gives. */
export class Feed {
  readonly items: FeedItem[] = [];
  private readonly members = new Set<string>();
  private cursor: string | undefined;

  constructor(
    private readonly installation: Installation,
    private readonly workspace: Workspace,
    readonly id: string,
  ) {}

  /** Reads what is new. Throws when somebody enters twice, or leaves without being in, or time goes back. */
  async follow(): Promise<void> {
    for (;;) {
      const query = `limit=1000${this.cursor === undefined ? '' : `&cursor=${this.cursor}`}`;
      const { status, body } = await request<FeedPage>(
        `${this.installation.apiUrl}/v1/audiences/${this.id}/changes?${query}`,
        { key: this.workspace.keys.read },
      );
      if (status !== 200) throw new Error(`the feed of ${this.id} was answered ${status}`);
      for (const item of body.items) this.take(item);
      this.cursor = body.next_cursor;
      if (body.items.length < 1_000) return;
    }
  }

  private take(item: FeedItem): void {
    const { person_id: person, change, at } = item;
    const last = this.items.at(-1);
    if (last !== undefined && at < last.at) throw new Error(`${this.id}: the feed goes from ${last.at} back to ${at}`);
    if (this.members.has(person) === (change === 'entered')) {
      throw new Error(`${this.id}: person ${person} ${change} at ${at} without a change`);
    }
    if (change === 'entered') this.members.add(person);
    else this.members.delete(person);
    this.items.push(item);
  }

  /** The members by everything up to this time. */
  membersAt(ms: number): Set<number> {
    const members = new Set<number>();
    for (const { person_id: person, change, at } of this.items) {
      if (Date.parse(at) > ms) break;
      if (change === 'entered') members.add(Number(person));
      else members.delete(Number(person));
    }
    return members;
  }
}

export interface Evaluated {
  workspace: string;
  audience: Audience;
  includeAnonymous: boolean;
}

/** Everybody who is in the audience at this time, by one query over all people. */
export async function evaluateAll(
  client: ClickHouse,
  { workspace, audience, includeAnonymous }: Evaluated,
  nowMs: number,
): Promise<Set<number>> {
  const options = { tables: TABLES, workspace, zone: 'UTC', nowMs, includeAnonymous };
  const { query, params } = compile(audience, options);
  // The query of a preview, with all people as its sample.
  const whole = query.replace(/bitmapSubsetLimit\(result, 0, \d+\)/, 'result');
  if (whole === query) throw new Error('the query of a preview has no sample');
  const [row] = await queryRows<{ sample: number[] }>(client, whole, params, {
    do_not_merge_across_partitions_select_final: 1,
    max_query_size: String(1024 ** 2),
  });
  return new Set(row!.sample);
}

const without = (a: ReadonlySet<number>, b: ReadonlySet<number>): number[] => [...a].filter((id) => !b.has(id));

/**
 * Compares a feed with full evaluations while nothing but time goes on. Somebody for whom a time has come within
 * `lagMs` may not have moved yet. Returns the people who are wrong.
 */
export async function compareAtRest(
  client: ClickHouse,
  feed: Feed,
  evaluated: Evaluated,
  lagMs: number,
): Promise<{ wrong: number[]; members: number }> {
  const nowMs = Date.now() - 500;
  await feed.follow();
  const shown = feed.membersAt(nowMs);
  const [now, before] = [
    await evaluateAll(client, evaluated, nowMs),
    await evaluateAll(client, evaluated, nowMs - lagMs),
  ];
  const mayDiffer = new Set([...without(now, before), ...without(before, now)]);
  const wrong = [...without(shown, now), ...without(now, shown)].filter((id) => !mayDiffer.has(id));
  return { wrong, members: now.size };
}
