import { DAY_MS, offsetPieceAt } from '../../lib/flows/times.ts';
import { showInstant } from '../../lib/time/index.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import { audiencesOf, BacktestEngine, looksAtProducts, notPlayed, type BacktestOptions } from './backtest-engine.ts';
import { ahead, answersOf, groupsOf, type PastRange } from './backtest-past.ts';
import { ClientGoneError, type Database } from './database.ts';

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

export interface BacktestRequest extends Omit<BacktestOptions, 'answer' | 'onSteps' | 'pause'>, PastRange {
  /** People who are played together; for tests. */
  groupPeople?: number;
}

const RUNS_MAX = 100;

/**
 * Plays the trait events of a workspace, of some people after those of others: their runs have nothing to do with each
 * other. Rejects like `Rows.rows`, with ClientGoneError soon after the signal aborts.
 */
export async function runBacktest(
  database: Pick<Database, 'for'>,
  request: BacktestRequest,
  signal: AbortSignal,
): Promise<BacktestReport> {
  const { flow, groupPeople } = request;
  const report = new Report(request);
  const groups = groupsOf({
    rows: database.for(signal),
    range: request,
    flow,
    audiences: audiencesOf(flow),
    withProducts: looksAtProducts(flow),
    ...(groupPeople === undefined ? {} : { groupPeople }),
  });
  for await (const { events, profiles, facts } of ahead(groups)) {
    const engine = new BacktestEngine({
      ...request,
      answer: answersOf(facts),
      onSteps: (steps) => report.take(steps),
      pause: () => otherWork(signal),
    });
    for (const profile of profiles) engine.addProfile(profile);
    for (const event of events) await engine.play(event);
    await engine.end();
    report.endGroup();
  }
  return report.result();
}

/** Lets the process answer other requests. */
async function otherWork(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
  if (signal.aborted) throw new ClientGoneError('the client closed the connection');
}

const newNode = (): BacktestNode => ({ reached: 0, waiting: 0, sent: 0, skipped: {}, failed: 0, unknown: 0 });

/** Sums the steps. */
class Report {
  private readonly totals: Omit<BacktestReport, 'live' | 'by_day' | 'runs' | 'not_played'>;
  private readonly days = new Map<number, { entered: number; sent: number }>();
  private readonly first = new FirstRuns();
  /** The node of each live run of the group. */
  private readonly places = new Map<string, string>();
  private readonly request: BacktestRequest;
  private live = 0;

  constructor(request: BacktestRequest) {
    this.request = request;
    const nodes = Object.fromEntries(Object.keys(request.flow.nodes).map((id) => [id, newNode()]));
    this.totals = { entered: 0, refused: {}, completed: 0, exited: {}, nodes };
  }

  take(steps: readonly FlowEvent[]): void {
    for (const step of steps) {
      this.count(step);
      this.first.note(step);
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

  /** Days of the workspace's zone. */
  private dayOf(at: number): { entered: number; sent: number } {
    const day = Math.floor((at + offsetPieceAt(at, this.request.settings.time_zone).offsetMs) / DAY_MS);
    let counts = this.days.get(day);
    if (counts === undefined) this.days.set(day, (counts = { entered: 0, sent: 0 }));
    return counts;
  }

  /** The runs of the group that are live stay so. */
  endGroup(): void {
    const { totals, places } = this;
    for (const node of places.values()) {
      this.live += 1;
      if (node !== '') (totals.nodes[node] ??= newNode()).waiting += 1;
    }
    places.clear();
  }

  result(): BacktestReport {
    const { totals, live, days, first } = this;
    const by_day = [...days]
      .sort(([a], [b]) => a - b)
      .map(([day, counts]) => ({ day: new Date(day * DAY_MS).toISOString().slice(0, 10), ...counts }));
    return { ...totals, live, by_day, runs: first.runs(), not_played: notPlayed(this.request.flow) };
  }
}

/** The runs that started first, by the order of their trigger events, with their steps. */
class FirstRuns {
  private readonly known = new Map<string, { run: BacktestRun; at: number }>();
  /** The one that makes room for an earlier one, once there are enough. */
  private last: string | undefined;

  note({ what, node, reason, run_id: id, at, person_id, cart_id, event_id }: FlowEvent): void {
    if (what === 'started' && this.makeRoom(at, event_id)) {
      const of = { id, person_id: String(person_id), cart_id, event_id, started_at: showInstant(at) };
      this.known.set(id, { run: { ...of, state: 'live', reason: null, ended_at: null, steps: [] }, at });
      if (this.known.size === RUNS_MAX) this.last = this.sorted().at(-1)!.run.id;
    }
    const run = this.known.get(id)?.run;
    if (run === undefined) return;
    run.steps.push({ at: showInstant(at), what, node: node || null, reason: reason || null });
    if (what === 'completed' || what === 'exited')
      Object.assign(run, { state: what, reason: reason || null, ended_at: showInstant(at) });
  }

  runs(): BacktestRun[] {
    return this.sorted().map(({ run }) => run);
  }

  /** Whether a run that begins then by this event is one of the first so far. */
  private makeRoom(at: number, event: string): boolean {
    const last = this.last === undefined ? undefined : this.known.get(this.last);
    if (last === undefined) return true;
    if (at > last.at || (at === last.at && event > last.run.event_id)) return false;
    return this.known.delete(last.run.id);
  }

  private sorted(): { run: BacktestRun; at: number }[] {
    return [...this.known.values()].sort((a, b) => a.at - b.at || (a.run.event_id < b.run.event_id ? -1 : 1));
  }
}
