import type { Flow } from '../../lib/flows/definition.ts';
import { DAY_MS } from '../../lib/flows/times.ts';
import { offsetPieceAt, showInstant } from '../../lib/time/index.ts';
import type { FlowEvent } from '../../schemas/types.ts';
import { notPlayed } from './backtest-engine.ts';

/** The report of a back-test. Each thread sums the steps of the groups that it plays, and the sums are added up. */

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

/** What the groups of one thread add to the report. */
export interface PartOfReport extends Pick<
  BacktestReport,
  'entered' | 'refused' | 'live' | 'completed' | 'exited' | 'nodes'
> {
  /** By the day since 1970, in the workspace's zone. */
  days: ReadonlyMap<number, DayCounts>;
  /** Those that started first. */
  runs: StartedRun[];
}

interface DayCounts {
  entered: number;
  sent: number;
}

interface StartedRun {
  run: BacktestRun;
  at: number;
}

const RUNS_MAX = 100;

const newNode = (): BacktestNode => ({ reached: 0, waiting: 0, sent: 0, skipped: {}, failed: 0, unknown: 0 });
const newNodes = (flow: Flow): Record<string, BacktestNode> =>
  Object.fromEntries(Object.keys(flow.nodes).map((id) => [id, newNode()]));

/** Sums the steps of groups, one group after the other. */
export class Summary {
  private readonly totals: Omit<PartOfReport, 'live' | 'days' | 'runs'>;
  private readonly days = new Map<number, DayCounts>();
  private readonly first = new FirstRuns();
  /** The node of each live run of the group. */
  private readonly places = new Map<string, string>();
  private live = 0;

  /** @param zone of the workspace */
  constructor(
    flow: Flow,
    private readonly zone: string,
  ) {
    this.totals = { entered: 0, refused: {}, completed: 0, exited: {}, nodes: newNodes(flow) };
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
    if (what === 'reached' && places.has(run_id)) places.set(run_id, node);
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
  private dayOf(at: number): DayCounts {
    const day = Math.floor((at + offsetPieceAt(at, this.zone).offsetMs) / DAY_MS);
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

  part(): PartOfReport {
    const { totals, live, days, first } = this;
    return { ...totals, live, days, runs: first.runs() };
  }
}

/** The sum does not depend on which thread has played which group: reasons, days and runs are sorted. */
export function reportOf(flow: Flow, parts: readonly PartOfReport[]): BacktestReport {
  const sum = (of: (part: PartOfReport) => number): number => parts.reduce((total, part) => total + of(part), 0);
  const counts = (of: (part: PartOfReport) => Record<string, number> | undefined): Record<string, number> =>
    addedUp(parts.flatMap((part) => Object.entries(of(part) ?? {})));
  const ids = [...new Set([...Object.keys(flow.nodes), ...parts.flatMap(({ nodes }) => Object.keys(nodes)).sort()])];
  const nodeOf = (id: string): BacktestNode => {
    const total = (what: 'reached' | 'waiting' | 'sent' | 'failed' | 'unknown'): number =>
      sum(({ nodes }) => nodes[id]?.[what] ?? 0);
    return {
      ...{ reached: total('reached'), waiting: total('waiting'), sent: total('sent') },
      skipped: counts(({ nodes }) => nodes[id]?.skipped),
      ...{ failed: total('failed'), unknown: total('unknown') },
    };
  };
  const days = [...new Set(parts.flatMap((part) => [...part.days.keys()]))].sort((a, b) => a - b);
  return {
    entered: sum(({ entered }) => entered),
    refused: counts(({ refused }) => refused),
    live: sum(({ live }) => live),
    completed: sum(({ completed }) => completed),
    exited: counts(({ exited }) => exited),
    nodes: Object.fromEntries(ids.map((id) => [id, nodeOf(id)])),
    by_day: days.map((day) => ({
      day: new Date(day * DAY_MS).toISOString().slice(0, 10),
      entered: sum((part) => part.days.get(day)?.entered ?? 0),
      sent: sum((part) => part.days.get(day)?.sent ?? 0),
    })),
    runs: inOrder(parts.flatMap(({ runs }) => runs))
      .slice(0, RUNS_MAX)
      .map(({ run }) => run),
    not_played: notPlayed(flow),
  };
}

/** Sorted by key. */
function addedUp(counts: [string, number][]): Record<string, number> {
  const totals: Record<string, number> = {};
  for (const [key, count] of counts.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
    totals[key] = (totals[key] ?? 0) + count;
  return totals;
}

const inOrder = (runs: Iterable<StartedRun>): StartedRun[] =>
  [...runs].sort((a, b) => a.at - b.at || (a.run.event_id < b.run.event_id ? -1 : 1));

/** The runs that started first, by the order of their trigger events, with their steps. */
class FirstRuns {
  private readonly known = new Map<string, StartedRun>();
  /** The one that makes room for an earlier one, once there are enough. */
  private last: string | undefined;

  note({ what, node, reason, run_id: id, at, person_id, cart_id, event_id }: FlowEvent): void {
    if (what === 'started' && this.makeRoom(at, event_id)) {
      const of = { id, person_id: String(person_id), cart_id, event_id, started_at: showInstant(at) };
      this.known.set(id, { run: { ...of, state: 'live', reason: null, ended_at: null, steps: [] }, at });
      if (this.known.size === RUNS_MAX) this.last = this.runs().at(-1)!.run.id;
    }
    const run = this.known.get(id)?.run;
    if (run === undefined) return;
    run.steps.push({ at: showInstant(at), what, node: node || null, reason: reason || null });
    if (what === 'completed' || what === 'exited')
      Object.assign(run, { state: what, reason: reason || null, ended_at: showInstant(at) });
  }

  runs(): StartedRun[] {
    return inOrder(this.known.values());
  }

  /** Whether a run that begins then by this event is one of the first so far. */
  private makeRoom(at: number, event: string): boolean {
    const last = this.last === undefined ? undefined : this.known.get(this.last);
    if (last === undefined) return true;
    if (at > last.at || (at === last.at && event > last.run.event_id)) return false;
    return this.known.delete(last.run.id);
  }
}
