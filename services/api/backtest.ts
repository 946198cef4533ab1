import { matches, type PersonFacts } from '../../lib/audiences/index.ts';
import type { Audience } from '../../lib/audiences/index.ts';
import { readPersonFacts } from '../../lib/clickhouse/person-facts.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { Clock } from '../../lib/clock/index.ts';
import { showInstant } from '../../lib/time/index.ts';
import type { FlowEvent, FlowProfile, FlowQuestion, Product } from '../../schemas/types.ts';
import { asksQuestions, BacktestEngine, notPlayed, type BacktestOptions, type PastEvent } from './backtest-engine.ts';
import type { Database, Rows } from './database.ts';

/** A back-test: what a flow would have done with the trait events that are known today. */

export interface BacktestNode {
  reached: number;
  waiting: number;
  sent: number;
  skipped: Record<string, number>;
  failed: number;
  unknown: number;
}

export interface BacktestRun {
  id: string;
  person_id: string;
  cart_id: string;
  event_id: string;
  state: 'live' | 'completed' | 'exited';
  reason: string | null;
  started_at: string;
  ended_at: string | null;
  steps: { at: string; what: string; node: string | null; reason: string | null }[];
}

export interface BacktestReport {
  entered: number;
  refused: Record<string, number>;
  live: number;
  completed: number;
  exited: Record<string, number>;
  nodes: Record<string, BacktestNode>;
  by_day: { day: string; entered: number; sent: number }[];
  runs: BacktestRun[];
  not_played: string[];
}

export interface BacktestRequest extends Omit<BacktestOptions, 'answer' | 'onSteps'> {
  /** The abandonment window of the workspace: so long before an abandonment by timer was the last activity. */
  windowMs: number;
}

const RUNS_MAX = 100;
/** What is known before `from`. */
const BEFORE_MS = 60 * 86_400_000;
/** Events between two pauses in which the process answers other requests. */
const EVENTS_PER_PAUSE = 500;
/** People whose facts are kept; those that are needed again are read again. */
const FACTS_MAX = 50_000;

/** Plays the trait events of a workspace. Rejects like `Database.stream`. */
export async function runBacktest(
  { database, clock }: { database: Database; clock: Clock },
  request: BacktestRequest,
  signal: AbortSignal,
): Promise<BacktestReport> {
  const report = new Report(request);
  const rows = database.for(signal);
  const facts = new Facts(rows, request);
  const engine = new BacktestEngine({
    ...request,
    answer: (question) => facts.answer(question),
    onSteps: (steps) => report.take(steps),
  });
  const isAsking = asksQuestions(request.flow);
  for await (const events of pastEvents(database, request, signal)) {
    for (const profile of await readProfiles(rows, request.workspace, engine.unknownOf(events)))
      engine.addProfile(profile);
    if (isAsking)
      await facts.read(
        events.filter(({ change }) => change.occurred_at >= request.fromMs).map(({ personId }) => personId),
      );
    for (const [i, event] of events.entries()) {
      await engine.play(event);
      if (i % EVENTS_PER_PAUSE === EVENTS_PER_PAUSE - 1) await clock.sleep(0);
    }
  }
  await engine.end();
  return report.result();
}

type Row = [
  eventId: string,
  trait: string,
  status: string,
  occurredAt: number,
  logTime: number,
  cartId: string,
  personId: number,
  storeId: string | null,
  mode: string | null,
  amount: number | null,
  products: Product[],
  anomaly: string | null,
  reentered: boolean,
  isTimer: boolean,
];

/** Trait events that were not retracted, in the order in which they are played. */
async function* pastEvents(
  database: Database,
  { workspace, fromMs, toMs, windowMs }: BacktestRequest,
  signal: AbortSignal,
): AsyncGenerator<PastEvent[]> {
  const batches = await database.stream<Row>(
    `SELECT event_id, trait, status, toUnixTimestamp64Milli(occurred_at) AS t, t + if(is_timer, 1, 0) AS log_time,
      cart_id, if(person.merged_into = 0, event.person_id, person.merged_into) AS person_id, store_id, mode, amount,
      products, anomaly, reentered, ifNull(source = 'timer', false) AS is_timer
    FROM (
      SELECT * FROM ${TABLES.traitEvents} FINAL
      WHERE workspace = {workspace:String} AND retracted_at IS NULL
        AND occurred_at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC')
        AND occurred_at < fromUnixTimestamp64Milli({to:Int64}, 'UTC')
    ) AS event
    LEFT JOIN (
      SELECT person_id, merged_into FROM ${TABLES.people} FINAL WHERE workspace = {workspace:String} AND merged_into != 0
    ) AS person ON person.person_id = event.person_id
    ORDER BY log_time, event_id`,
    { workspace, from: Math.max(0, fromMs - BEFORE_MS), to: toMs },
    signal,
  );
  for await (const batch of batches) yield batch.map((row) => eventOf(row, windowMs));
}

function eventOf(row: Row, windowMs: number): PastEvent {
  const [event_id, trait, status, occurred_at, logTimeMs, cartId, personId, store_id, mode, amount, products] = row;
  return {
    logTimeMs,
    cartId,
    personId,
    change: {
      op: 'asserted',
      event_id,
      trait: trait as PastEvent['change']['trait'],
      status,
      occurred_at,
      replaces: null,
      last_activity_at: row[13] ? occurred_at - windowMs : null,
      anomaly: row[11] as PastEvent['change']['anomaly'],
      reentered: row[12],
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

async function readProfiles(database: Rows, workspace: string, ids: readonly number[]): Promise<FlowProfile[]> {
  if (ids.length === 0) return [];
  const rows = await database.rows<ProfileRow>(
    `SELECT person_id, anonymous, name, time_zone, phones, phone_consents, emails, email_consents
    FROM ${TABLES.people} FINAL WHERE workspace = {workspace:String} AND person_id IN {ids:Array(UInt32)}`,
    { workspace, ids: [...ids] },
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

/** The facts of the people whom questions are about. */
class Facts {
  private readonly known = new Map<number, PersonFacts | undefined>();

  constructor(
    private readonly database: Rows,
    private readonly request: BacktestRequest,
  ) {}

  async read(people: readonly number[]): Promise<void> {
    const missing = [...new Set(people)].filter((id) => !this.known.has(id));
    if (missing.length === 0) return;
    if (this.known.size + missing.length > FACTS_MAX) this.known.clear();
    const { workspace } = this.request;
    const found = await readPersonFacts((query, params) => this.database.rows(query, params), workspace, missing);
    for (const id of missing) this.known.set(id, found.get(id));
  }

  async answer({ person_id, audience, now, time_zone }: FlowQuestion): Promise<boolean> {
    await this.read([person_id]);
    const facts = this.known.get(person_id);
    const options = { nowMs: now, zone: time_zone, includeAnonymous: true };
    return facts !== undefined && matches(JSON.parse(audience) as Audience, facts, options);
  }
}

const newNode = (): BacktestNode => ({ reached: 0, waiting: 0, sent: 0, skipped: {}, failed: 0, unknown: 0 });

/** Sums the steps. */
class Report {
  private readonly totals: Omit<BacktestReport, 'live' | 'by_day' | 'runs' | 'not_played'>;
  private readonly days = new Map<string, { entered: number; sent: number }>();
  private readonly runs = new Map<string, BacktestRun>();
  /** The node of each live run. */
  private readonly places = new Map<string, string>();
  private readonly dayFormat: Intl.DateTimeFormat;
  private readonly request: BacktestRequest;

  constructor(request: BacktestRequest) {
    this.request = request;
    const nodes = Object.fromEntries(Object.keys(request.flow.nodes).map((id) => [id, newNode()]));
    this.totals = { entered: 0, refused: {}, completed: 0, exited: {}, nodes };
    this.dayFormat = new Intl.DateTimeFormat('en-CA', {
      timeZone: request.settings.time_zone,
      year: 'numeric',
      month: '2-digit',
      day: '2-digit',
    });
  }

  take(steps: readonly FlowEvent[]): void {
    for (const step of steps) {
      this.count(step);
      this.note(step);
    }
  }

  private count({ what, node, reason, run_id, at }: FlowEvent): void {
    const { totals, places } = this;
    const add = (counted: Record<string, number>): void => void (counted[reason] = (counted[reason] ?? 0) + 1);
    // An outcome or a goal may come after the end of its run, which stays ended.
    if (node !== '' && places.has(run_id)) places.set(run_id, node);
    if (what === 'started') {
      places.set(run_id, node);
      totals.entered += 1;
      this.dayOf(at).entered += 1;
    } else if (what === 'refused') add(totals.refused);
    else if (what === 'completed' || what === 'exited') {
      if (what === 'completed') totals.completed += 1;
      else add(totals.exited);
      places.delete(run_id);
    } else if (node !== '') {
      const counts = (totals.nodes[node] ??= newNode());
      if (what === 'skipped') add(counts.skipped);
      else if (what === 'reached' || what === 'sent' || what === 'failed' || what === 'unknown') counts[what] += 1;
      if (what === 'sent') this.dayOf(at).sent += 1;
    }
  }

  private dayOf(at: number): { entered: number; sent: number } {
    const day = this.dayFormat.format(at);
    const counts = this.days.get(day) ?? { entered: 0, sent: 0 };
    this.days.set(day, counts);
    return counts;
  }

  /** Keeps the steps of the first runs. */
  private note({ what, node, reason, run_id: id, at, person_id, cart_id, event_id }: FlowEvent): void {
    if (what === 'started' && this.runs.size < RUNS_MAX) {
      const of = { id, person_id: String(person_id), cart_id, event_id, started_at: showInstant(at) };
      this.runs.set(id, { ...of, state: 'live', reason: null, ended_at: null, steps: [] });
    }
    const run = this.runs.get(id);
    if (run === undefined) return;
    run.steps.push({ at: showInstant(at), what, node: node || null, reason: reason || null });
    if (what === 'completed' || what === 'exited')
      Object.assign(run, { state: what, reason: reason || null, ended_at: showInstant(at) });
  }

  result(): BacktestReport {
    const { totals, places, days, runs } = this;
    let live = 0;
    for (const node of places.values()) {
      live += 1;
      if (node !== '') (totals.nodes[node] ??= newNode()).waiting += 1;
    }
    const by_day = [...days].sort(([a], [b]) => (a < b ? -1 : 1)).map(([day, counts]) => ({ day, ...counts }));
    return { ...totals, live, by_day, runs: [...runs.values()], not_played: notPlayed(this.request.flow) };
  }
}
