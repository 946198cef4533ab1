/** What the console asks of the API, by the typed client. Times on the wire are RFC 3339, UTC. */
import { bodyOf, createApiClient, type ApiClient, type Schemas } from '../../../lib/client/index.ts';

export { ApiError, bodyOf, type ApiClient } from '../../../lib/client/index.ts';

export type DeadLetter = Schemas['DeadLetter'];
export type Preview = Schemas['Preview'];
export type Status = Schemas['Status'];
export type Stage = Status['stages'][number];
export type Subscription = Schemas['Subscription'];
/** With its secrets, which only the call that made them returns. */
export type SubscriptionSecrets = Schemas['SubscriptionSecrets'];
export type SubscriptionEvent = Subscription['event'];
export type Verify = Subscription['verify'];
export type TraitEvent = Schemas['TraitEvent'] & { name: string | null };
export type Workspace = Schemas['Workspace'];
export type Key = Schemas['Key'];
export type SavedAudience = Schemas['SavedAudience'];
export type AudienceVersion = Schemas['AudienceVersion'];
export type Explanation = Schemas['Explanation'];
export type ExplainedNode = Schemas['ExplainedNode'];
export type Member = Schemas['Member'];
export type Person = Schemas['Person'];
export type SavedFlow = Schemas['SavedFlow'];
export type FlowTemplate = Schemas['FlowTemplate'];
export type FlowReport = Schemas['FlowReport'];
export type FlowRun = Schemas['FlowRun'];
export type FlowRunWithSteps = Schemas['FlowRunWithSteps'];
export type FlowStep = Schemas['FlowStep'];
export type FlowMessage = Schemas['FlowMessage'];
export type FlowDecision = Schemas['FlowDecision'];
export type Backtest = Schemas['Backtest'];
export type Leaf = Schemas['TraitCondition'];
export type Trait = Leaf['trait'];
export type TimeCondition = NonNullable<Leaf['time']>;

/** The longest page that the API returns. */
export const PAGE_MAX = 1_000;

/** A page of a list. */
export interface ListPage<T> {
  items: T[];
  next_cursor: string | null;
}

/** Where a page begins; nothing for the first one. */
export interface Cursor {
  cursor?: string;
}

/** All items of a list that is short enough to be shown whole. */
export async function allItems<T>(ask: (page: Cursor & { limit: number }) => Promise<ListPage<T>>): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | null = ''; cursor !== null;) {
    const page: ListPage<T> = await ask({ limit: PAGE_MAX, ...(cursor === '' ? {} : { cursor }) });
    all.push(...page.items);
    cursor = page.next_cursor;
  }
  return all;
}

/** What requests are made with; `workspace` only with an admin key. */
export interface Credentials {
  key: string;
  workspace: string | null;
}

/** The API at the origin that the page came from. */
export const apiWith = (credentials: Credentials): ApiClient =>
  createApiClient({ baseUrl: window.location.origin, ...credentials });

/** Concurrent previews: all clients share one database. */
const PREVIEWS_MAX = 3;

/** Runs at most `width` tasks at a time, first come, first served. */
export function createGate(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (task) => {
    if (running >= width) await new Promise<void>((resolve) => waiting.push(resolve));
    else running += 1;
    try {
      return await task();
    } finally {
      // The slot passes to the next task directly, so that no later one gets in between.
      const next = waiting.shift();
      if (next) next();
      else running -= 1;
    }
  };
}

const gate = createGate(PREVIEWS_MAX);

/** Runs an expensive question when its turn comes: trends and the counts of a list are not all asked at once. */
export const inTurn = <T>(ask: () => Promise<T>): Promise<T> => gate(ask);

/** Counts the people who meet the condition now. */
export const preview = (api: ApiClient, audience: Leaf, signal?: AbortSignal): Promise<Preview> =>
  inTurn(() =>
    bodyOf(api.POST('/v1/audiences/preview', { body: { audience }, ...(signal === undefined ? {} : { signal }) })),
  );
