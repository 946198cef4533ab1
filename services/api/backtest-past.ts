/** What a back-test reads from ClickHouse: trait events of people who may get runs, their profiles, and their facts. */
import { factsNeeded, matches, type Audience, type PersonFacts } from '../../lib/audiences/index.ts';
import { readPersonFacts } from '../../lib/clickhouse/person-facts.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { Flow, Leaf } from '../../lib/flows/definition.ts';
import { statusText } from '../../lib/jane/fields.ts';
import type { FlowProfile, FlowQuestion, Product } from '../../schemas/types.ts';
import type { PastEvent } from './backtest-engine.ts';
import type { Rows } from './database.ts';

/** What is known before `from`. */
const BEFORE_MS = 60 * 86_400_000;
/** People who are read and played together. Their ids, and those merged into them, must fit into a parameter. */
const GROUP_PEOPLE = 2_000;

export interface PastRange {
  workspace: string;
  fromMs: number;
  toMs: number;
  /** The abandonment window of the workspace: so long before an abandonment by timer was its last activity, if it is not known. */
  windowMs: number;
}

/** People whose events are played together, and all that is known about them. */
export interface Group {
  /** In the order in which they are played. */
  events: PastEvent[];
  profiles: FlowProfile[];
  facts: ReadonlyMap<number, PersonFacts>;
}

export interface PastOptions {
  range: PastRange;
  flow: Flow;
  /** Those that the flow asks about. */
  audiences: readonly Audience[];
  /** Whether conditions on trait events look at products; they are most of what is read. */
  withProducts: boolean;
}

/**
 * The people who may get a run, in groups. No run, refusal, goal or cap depends on the events of other people: a cart
 * belongs to one person, and so does an address. So memory is bounded by what a few groups have.
 */
export async function groupsOf(
  rows: Rows,
  flow: Flow,
  range: PastRange,
  groupPeople = GROUP_PEOPLE,
): Promise<number[][]> {
  const people = await new Starts(flow, range).people(rows);
  return Array.from({ length: Math.ceil(people.length / groupPeople) }, (_, i) =>
    people.slice(i * groupPeople, (i + 1) * groupPeople),
  );
}

/** What is known about a group. */
export async function readGroup(rows: Rows, options: PastOptions, ids: number[]): Promise<Group> {
  const { range, flow, audiences } = options;
  // One after the other: playing takes longer, and the workspace has few places for queries.
  const events = new Starts(flow, range).relevant(await pastEvents(rows, options, ids));
  const profiles = await readProfiles(rows, range.workspace, ids);
  const needed = factsNeeded(audiences);
  const facts =
    audiences.length > 0
      ? await readPersonFacts((query, params) => rows.rows(query, params), range.workspace, ids, { needed })
      : new Map<number, PersonFacts>();
  return { events, profiles, facts };
}

/** Trait events that may start a run. */
class Starts {
  private readonly triggers: readonly { trait: string; statuses: readonly string[] }[];

  constructor(
    flow: Flow,
    private readonly range: PastRange,
  ) {
    // Carts that `in_next` looks at are not played.
    const leaves = flow.triggers.filter(({ time }: Leaf) => time?.operator !== 'in_next');
    this.triggers = leaves.map(({ trait, status }) => ({ trait, statuses: status?.map(statusText) ?? [] }));
  }

  /** The ids of the people who have some, in their order; a few may have lost them since. */
  async people(rows: Rows): Promise<number[]> {
    const { workspace, fromMs, toMs } = this.range;
    const params: Record<string, unknown> = { workspace, from: fromMs, to: toMs };
    if (this.triggers.length === 0) return [];
    const conditions = this.triggers.map(({ trait, statuses }, i) => {
      params[`trait${i}`] = trait;
      params[`statuses${i}`] = statuses;
      const isAnyStatus = statuses.length === 0;
      return `trait = {trait${i}:String}${isAnyStatus ? '' : ` AND status IN {statuses${i}:Array(String)}`}`;
    });
    const [found] = await rows.rows<{ people: number[] }>(
      `SELECT arraySort(groupUniqArray(if(alias.winner = 0, event.person_id, alias.winner))) AS people
      FROM (
        SELECT DISTINCT person_id FROM ${TABLES.traitEvents}
        WHERE workspace = {workspace:String} AND (${conditions.map((condition) => `(${condition})`).join(' OR ')})
          AND ${DURING}
      ) AS event
      LEFT JOIN (
        SELECT loser, winner FROM ${TABLES.personAliases} FINAL WHERE workspace = {workspace:String}
      ) AS alias ON alias.loser = event.person_id`,
      params,
    );
    return found?.people ?? [];
  }

  /**
   * Leaves out what happened before everything that may start a run of the person, and before the last activity of the
   * abandonments among it: no condition on a run looks so far back.
   */
  relevant(events: PastEvent[]): PastEvent[] {
    const since = new Map<number, number>();
    for (const { personId, change } of events) {
      if (!this.mayStart(change)) continue;
      const atMs = Math.min(change.occurred_at, change.last_activity_at ?? Infinity);
      if (atMs < (since.get(personId) ?? Infinity)) since.set(personId, atMs);
    }
    return events.filter(({ personId, change }) => change.occurred_at >= (since.get(personId) ?? Infinity));
  }

  private mayStart({ occurred_at, trait, status }: PastEvent['change']): boolean {
    return (
      occurred_at >= this.range.fromMs &&
      this.triggers.some(
        (start) => start.trait === trait && (start.statuses.length === 0 || start.statuses.includes(status)),
      )
    );
  }
}

const DURING = `occurred_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
          AND occurred_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')`;

type Row = [
  eventId: string,
  trait: string,
  status: string,
  occurredAt: number,
  cartId: string,
  personId: number,
  storeId: string | null,
  mode: string | null,
  amount: number | null,
  products: Product[],
  anomaly: string | null,
  reentered: boolean,
  lastActivityAt: number | null,
  isTimer: boolean,
];

/**
 * The trait events of people that were not retracted; those of one who has just been merged into somebody else are read with
 * the winner. They are one value, because parsing one long text takes a fraction of
 * the time of parsing as many short ones.
 */
async function pastEvents(rows: Rows, { range, withProducts }: PastOptions, ids: number[]): Promise<PastEvent[]> {
  const { workspace, fromMs, toMs } = range;
  const [found] = await rows.rows<{ events: Row[] }>(
    `SELECT groupArray((event_id, trait, status, toUnixTimestamp64Milli(occurred_at), cart_id,
      if(alias.winner = 0, event.person_id, alias.winner), store_id, mode, amount, ${withProducts ? 'products' : '[]'},
      anomaly, reentered, toUnixTimestamp64Milli(last_activity_at), ifNull(source = 'timer', false))) AS events
    FROM (
      SELECT * FROM ${TABLES.traitEventsByPerson} FINAL
      WHERE workspace = {workspace:String} AND ${DURING} AND person_id IN (
        SELECT arrayJoin({ids:Array(UInt32)})
        UNION ALL
        SELECT loser FROM ${TABLES.personAliases} FINAL
        WHERE workspace = {workspace:String} AND winner IN {ids:Array(UInt32)}
      )
      ORDER BY version DESC LIMIT 1 BY event_id
    ) AS event
    LEFT JOIN (
      SELECT loser, winner FROM ${TABLES.personAliases} FINAL
      WHERE workspace = {workspace:String} AND (winner IN {ids:Array(UInt32)} OR loser IN {ids:Array(UInt32)})
    ) AS alias ON alias.loser = event.person_id
    WHERE event.retracted_at IS NULL AND (alias.winner = 0 OR alias.winner IN {ids:Array(UInt32)})`,
    { workspace, ids, from: Math.max(0, fromMs - BEFORE_MS), to: toMs },
  );
  return (found?.events ?? []).map((row) => eventOf(row, range)).sort((a, b) => comparePlayed(a, b, fromMs));
}

/** By log time and id; at `from`, an abandonment of the millisecond before comes first, for it starts nothing. */
function comparePlayed(a: PastEvent, b: PastEvent, fromMs: number): number {
  if (a.logTimeMs !== b.logTimeMs) return a.logTimeMs - b.logTimeMs;
  const [isBeforeA, isBeforeB] = [a.change.occurred_at < fromMs, b.change.occurred_at < fromMs];
  if (isBeforeA !== isBeforeB) return isBeforeA ? -1 : 1;
  return a.change.event_id < b.change.event_id ? -1 : 1;
}

function eventOf(row: Row, { windowMs }: PastRange): PastEvent {
  const [event_id, trait, status, occurred_at, cartId, personId, store_id, mode, amount, products] = row;
  const [anomaly, reentered, lastActivityAt, isTimer] = row.slice(10) as [
    string | null,
    boolean,
    number | null,
    boolean,
  ];
  return {
    logTimeMs: isTimer ? occurred_at + 1 : occurred_at,
    cartId,
    personId,
    change: {
      op: 'asserted',
      event_id,
      trait: trait as PastEvent['change']['trait'],
      status,
      occurred_at,
      replaces: null,
      last_activity_at: lastActivityAt ?? (isTimer ? occurred_at - windowMs : null),
      anomaly: anomaly as PastEvent['change']['anomaly'],
      reentered,
      store_id,
      mode,
      amount,
      products,
    },
  };
}

interface ProfileRow {
  person_id: number;
  anonymous: boolean;
  name: string | null;
  time_zone: string | null;
  phones: string[];
  phone_consents: string[];
  emails: string[];
  email_consents: string[];
}

async function readProfiles(database: Rows, workspace: string, ids: number[]): Promise<FlowProfile[]> {
  const rows = await database.rows<ProfileRow>(
    `SELECT person_id, anonymous, name, time_zone, phones, phone_consents, emails, email_consents
    FROM ${TABLES.people} FINAL WHERE workspace = {workspace:String} AND person_id IN {ids:Array(UInt32)}`,
    { workspace, ids },
  );
  const addresses = (values: string[], consents: string[]): FlowProfile['phones'] =>
    values.map((value, i) => ({ value, consent: (consents[i] || null) as FlowProfile['phones'][number]['consent'] }));
  return rows.map((row) => ({
    person_id: row.person_id,
    anonymous: row.anonymous,
    name: row.name,
    time_zone: row.time_zone,
    phones: addresses(row.phones, row.phone_consents),
    emails: addresses(row.emails, row.email_consents),
  }));
}

/** Answers the questions of a group from what is known today. */
export function answersOf(facts: ReadonlyMap<number, PersonFacts>): (question: FlowQuestion) => boolean {
  const audiences = new Map<string, Audience>();
  return ({ person_id, audience, now, time_zone }) => {
    let tree = audiences.get(audience);
    if (tree === undefined) audiences.set(audience, (tree = JSON.parse(audience) as Audience));
    const known = facts.get(person_id);
    return known !== undefined && matches(tree, known, { nowMs: now, zone: time_zone, includeAnonymous: true });
  };
}

/** Begins the next value while the current one is used. */
export async function* ahead<T>(source: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = source.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = source.next();
      // It is awaited, and throws, in the next round.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await source.return(undefined);
  }
}
