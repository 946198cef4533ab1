import { matches, type Audience } from '../../../lib/audiences/index.ts';
import { flowDueOf } from '../../../lib/flows/index.ts';
import { HORIZON_MS, PureLog } from '../../../lib/flows/testing/pure-log.ts';
import type { FlowEvent, FlowInput, FlowQuestion, SendRequest } from '../../../schemas/types.ts';
import type { BacktestReport, BacktestRequest } from '../backtest.ts';
import { latestRows, ownerOf, WINDOW_MS, type Past, type PastRow } from './past.ts';

/** A back-test that plays every event of everybody in one log, by the letter of docs/flows.md, for tests. */
export class PlainPlay {
  private readonly log = new PureLog();
  private readonly steps: FlowEvent[] = [];
  private readonly rows: readonly PastRow[];
  private readonly open: SendRequest[] = [];
  private isReplying = false;
  private number = 0;

  constructor(
    private readonly past: Past,
    private readonly request: BacktestRequest,
  ) {
    this.rows = latestRows(past);
  }

  play(): Omit<BacktestReport, 'not_played'> {
    const { fromMs, toMs } = this.request;
    const { settings, flow, flowId, version } = this.request;
    this.append(0, { kind: 'settings', settings: { ...settings, number: this.number++ } });
    for (const name of ['spring', 'summer'])
      this.append(0, { kind: 'code_pool', code_pool: { number: this.number++, name, total: 1_000_000 } });
    this.append(0, { kind: 'settled', settled: { t0: Date.UTC(2200, 0, 1) } });
    for (const profile of this.past.profiles.values()) this.append(0, { kind: 'profile', profile });
    const played = this.rows
      .filter((row) => row.occurred_at >= fromMs - 60 * 86_400_000 && row.occurred_at < toMs)
      .sort((a, b) => logTimeOf(a) - logTimeOf(b) || (a.event_id < b.event_id ? -1 : 1));
    for (const row of played.filter((row) => row.occurred_at < fromMs)) this.event(row);
    const definition = JSON.stringify(flow);
    const publish = { what: 'publish', flow_id: flowId, version, definition, runs: 'finish', run_id: null } as const;
    this.at(fromMs, { kind: 'command', command: { number: this.number++, ...publish } });
    for (const row of played.filter((row) => row.occurred_at >= fromMs)) this.event(row);
    this.tickBefore(toMs);
    return summary(this.steps, this.request);
  }

  private event(row: PastRow): void {
    const { event_id, trait, status, occurred_at, isTimer, anomaly, reentered, store_id, mode, amount, products } = row;
    const last_activity_at = row.last_activity_at ?? (isTimer ? occurred_at - WINDOW_MS : null);
    const of = { event_id, trait, status, occurred_at, last_activity_at, anomaly, reentered, store_id, mode, amount };
    const cart = { status: status || null, had: [], store_id, store_name: null, mode, amount, products };
    const times = { last_activity_at: null, due_at: null, reservation_start_at: null };
    this.at(logTimeOf(row), {
      kind: 'changes',
      changes: {
        ...{
          cart_id: row.cart_id,
          person_id: ownerOf(this.past, row.person_id),
          part: 0,
          parts: 1,
          phone: null,
          email: null,
        },
        changes: [{ op: 'asserted', replaces: null, products, ...of }],
        cart: { ...cart, ...times },
      },
    });
  }

  private at(logTimeMs: number, member: Partial<FlowInput> & Pick<FlowInput, 'kind'>): void {
    this.tickBefore(logTimeMs);
    this.append(logTimeMs, member);
  }

  /** A tick stands 1 ms after each timer. */
  private tickBefore(ms: number): void {
    for (;;) {
      const due = [...this.log.entries].flatMap(([key, value]) => flowDueOf(value, key) ?? []);
      const first = Math.min(...due);
      if (first >= ms) return;
      this.append(first + 1, { kind: 'tick' });
    }
  }

  private append(logTimeMs: number, member: Partial<FlowInput> & Pick<FlowInput, 'kind'>): void {
    const empty = { changes: null, profile: null, merge: null, parting: null, erasure: null, command: null };
    const none = { settings: null, code_pool: null, suppression: null, answer: null, outcome: null, settled: null };
    const times = { log_time: logTimeMs, received_at: logTimeMs };
    const { events, requests } = this.log.append({ workspace: 'acme', ...times, ...empty, ...none, ...member });
    this.steps.push(...events);
    this.open.push(...requests);
    if (this.isReplying) return;
    // In the order in which they were asked.
    this.isReplying = true;
    for (let request = this.open.shift(); request !== undefined; request = this.open.shift()) this.reply(request);
    this.isReplying = false;
  }

  private reply({ message, question, log_time: at }: SendRequest): void {
    if (message !== null) {
      const { request_id, flow_id, run_id, node, address } = message;
      const of = { request_id, flow_id, run_id, node, address };
      this.append(at, {
        kind: 'outcome',
        outcome: { ...of, what: 'sent', reason: null, permanent: false, text: null },
      });
    } else if (question !== null) {
      const { question_id, flow_id, run_id } = question;
      this.append(at, { kind: 'answer', answer: { question_id, flow_id, run_id, yes: this.isIn(question) } });
    }
  }

  private isIn({ person_id, audience, now, time_zone }: FlowQuestion): boolean {
    const traitEvents = this.rows
      .filter((row) => ownerOf(this.past, row.person_id) === person_id)
      .map((row) => ({ ...row, detected_at: row.occurred_at, retracted_at: null, recovered_at: null, source: null }));
    const facts = { personId: person_id, firstAtMs: 0, anonymous: false, traitEvents, carts: [] };
    return matches(JSON.parse(audience) as Audience, facts, { nowMs: now, zone: time_zone, includeAnonymous: true });
  }
}

const logTimeOf = ({ occurred_at, isTimer }: PastRow): number => occurred_at + (isTimer ? 1 : 0);

export { HORIZON_MS };

/** What the report says of some steps, one question after the other. */
function summary(steps: readonly FlowEvent[], { flow, settings }: BacktestRequest): Omit<BacktestReport, 'not_played'> {
  const of = (...whats: string[]): FlowEvent[] => steps.filter(({ what }) => whats.includes(what));
  const byReason = (some: readonly FlowEvent[]): Record<string, number> => {
    const reasons = [...new Set(some.map(({ reason }) => reason))];
    return Object.fromEntries(reasons.map((reason) => [reason, some.filter((step) => step.reason === reason).length]));
  };
  const ended = new Set(of('completed', 'exited').map(({ run_id }) => run_id));
  const live = of('started').filter(({ run_id }) => !ended.has(run_id));
  const placeOf = ({ run_id }: FlowEvent): string | undefined =>
    steps.filter((step) => step.run_id === run_id && step.node !== '').at(-1)?.node;
  const nodes = Object.keys(flow.nodes).map((node) => {
    const at = (...whats: string[]): FlowEvent[] => of(...whats).filter((step) => step.node === node);
    const waiting = live.filter((start) => placeOf(start) === node).length;
    const [reached, sent, skipped] = [at('reached').length, at('sent').length, byReason(at('skipped'))];
    return [node, { reached, waiting, sent, skipped, failed: 0, unknown: 0 }] as const;
  });
  const day = new Intl.DateTimeFormat('en-CA', { timeZone: settings.time_zone, dateStyle: 'short' });
  const days = [...new Set(of('started', 'sent').map(({ at }) => day.format(at)))].sort();
  const on = (name: string, what: string): number => of(what).filter(({ at }) => day.format(at) === name).length;
  return {
    entered: of('started').length,
    refused: byReason(of('refused')),
    live: live.length,
    completed: of('completed').length,
    exited: byReason(of('exited')),
    nodes: Object.fromEntries(nodes),
    by_day: days.map((name) => ({ day: name, entered: on(name, 'started'), sent: on(name, 'sent') })),
    runs: of('started')
      .slice(0, 100)
      .map((start) => runOf(start, steps)),
  };
}

function runOf(start: FlowEvent, all: readonly FlowEvent[]): BacktestReport['runs'][number] {
  const steps = all.filter((step, i) => step.run_id === start.run_id && i >= all.indexOf(start));
  const end = steps.find(({ what }) => what === 'completed' || what === 'exited');
  const show = (ms: number): string => new Date(ms).toISOString();
  return {
    id: start.run_id,
    person_id: String(start.person_id),
    cart_id: start.cart_id,
    event_id: start.event_id,
    state: (end?.what as 'completed' | 'exited' | undefined) ?? 'live',
    reason: end?.reason || null,
    started_at: show(start.at),
    ended_at: end === undefined ? null : show(end.at),
    steps: steps.map(({ at, what, node, reason }) => ({
      at: show(at),
      what,
      node: node || null,
      reason: reason || null,
    })),
  };
}
