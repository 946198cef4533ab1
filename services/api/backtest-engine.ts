import type { Audience } from '../../lib/audiences/index.ts';
import type { SettingsOfFlows } from '../../lib/definitions/entities.ts';
import { exitsOf, isMessage, type Flow } from '../../lib/flows/definition.ts';
import type { FlowEffects } from '../../lib/flows/index.ts';
import type {
  FlowChange,
  FlowEvent,
  FlowInput,
  FlowProfile,
  FlowQuestion,
  SendRequest,
  StandingCart,
} from '../../schemas/types.ts';
import { FlowReplay } from './flow-replay.ts';

/**
 * Plays trait events of the past through the fold of flows, and answers what it asks: questions by the caller, every message
 * with "sent" at once. A tick follows each timer.
 */

export interface PastEvent {
  /** The log time at which it is played. */
  logTimeMs: number;
  cartId: string;
  personId: number;
  change: FlowChange;
}

export interface BacktestOptions {
  workspace: string;
  settings: SettingsOfFlows;
  flowId: string;
  version: number;
  flow: Flow;
  /** Earlier events are known, but start nothing. */
  fromMs: number;
  toMs: number;
  /** LOG_RETENTION_DAYS in milliseconds. */
  horizonMs: number;
  /** Whether the person is in the audience at the question's `now`. */
  answer(question: FlowQuestion): boolean;
  /** Takes the steps, in their order. */
  onSteps(steps: readonly FlowEvent[]): void;
  /** Called after every few records; rejects to stop the back-test. */
  pause(): Promise<void>;
}

/** The pool of a message always has a code. */
const CODES = 1_000_000_000;
/** After every time: everything is settled from the start. */
const SETTLED_MS = Date.UTC(2300, 0, 1);
/** Records between two pauses. */
const RECORDS_PER_PAUSE = 200;

const NO_CART: StandingCart = {
  status: null,
  had: [],
  store_id: null,
  store_name: null,
  mode: null,
  amount: null,
  products: null,
  last_activity_at: null,
  due_at: null,
  reservation_start_at: null,
};

export class BacktestEngine {
  private readonly log: FlowReplay;
  private readonly options: BacktestOptions;
  private readonly asked: SendRequest[] = [];
  private pausesAt = RECORDS_PER_PAUSE;
  private number = 0;
  private isPublished = false;

  constructor(options: BacktestOptions) {
    this.options = options;
    this.log = new FlowReplay(options.horizonMs, (effects) => this.take(effects));
    const { settings, flow } = options;
    const pools = new Set(
      Object.values(flow.nodes).flatMap((node) => ('code_pool' in node ? (node.code_pool ?? []) : [])),
    );
    this.append(0, { kind: 'settings', settings: { ...settings, number: this.number++ } });
    for (const name of pools)
      this.append(0, { kind: 'code_pool', code_pool: { number: this.number++, name, total: CODES } });
    this.append(0, { kind: 'settled', settled: { t0: SETTLED_MS } });
  }

  /** Gives the profile of a person. It must precede the first event by which the person may get a run. */
  addProfile(profile: FlowProfile): void {
    this.append(0, { kind: 'profile', profile });
  }

  /** Plays an event; events come in the order of their log times. */
  async play(event: PastEvent): Promise<void> {
    if (!this.isPublished && event.change.occurred_at >= this.options.fromMs) await this.publish();
    if (this.isDueBefore(event.logTimeMs)) await this.tick(event.logTimeMs);
    const { cartId, personId, change } = event;
    const { status, store_id, mode, amount, products } = change;
    const cart = { ...NO_CART, status: status === '' ? null : status, store_id, mode, amount, products };
    const changes = {
      cart_id: cartId,
      person_id: personId,
      part: 0,
      parts: 1,
      changes: [change],
      cart,
      phone: null,
      email: null,
    };
    this.append(event.logTimeMs, { kind: 'changes', changes });
    this.answerAll();
    if (this.mustPause) await this.pause();
  }

  /** Plays the timers up to the end. */
  async end(): Promise<void> {
    if (!this.isPublished) await this.publish();
    await this.tick(this.options.toMs);
  }

  private async publish(): Promise<void> {
    const { flowId, version, flow, fromMs } = this.options;
    this.isPublished = true;
    await this.tick(fromMs);
    const definition = JSON.stringify(flow);
    const command = {
      number: this.number++,
      what: 'publish',
      flow_id: flowId,
      version,
      definition,
      runs: 'finish',
      run_id: null,
    } as const;
    this.append(fromMs, { kind: 'command', command });
  }

  private isDueBefore(ms: number): boolean {
    const dueMs = this.log.earliestDueMs;
    return dueMs !== undefined && dueMs < ms;
  }

  /** A tick stands 1 ms after each timer that is before a time. */
  private async tick(beforeMs: number): Promise<void> {
    while (this.isDueBefore(beforeMs)) {
      this.append(this.log.earliestDueMs! + 1, { kind: 'tick' });
      this.answerAll();
      if (this.mustPause) await this.pause();
    }
  }

  private get mustPause(): boolean {
    return this.log.records >= this.pausesAt;
  }

  private async pause(): Promise<void> {
    this.pausesAt = this.log.records + RECORDS_PER_PAUSE;
    await this.options.pause();
  }

  /** Appends the answers of what was asked, until nothing is open. */
  private answerAll(): void {
    for (let request = this.asked.shift(); request !== undefined; request = this.asked.shift()) {
      const { message, question, log_time: at } = request;
      if (message !== null) {
        const { request_id, flow_id, run_id, node, address } = message;
        const outcome = {
          request_id,
          flow_id,
          run_id,
          node,
          what: 'sent',
          reason: null,
          permanent: false,
          address,
          text: null,
        } as const;
        this.append(at, { kind: 'outcome', outcome });
      } else if (question !== null) {
        const { question_id, flow_id, run_id } = question;
        const yes = this.options.answer(question);
        this.append(at, { kind: 'answer', answer: { question_id, flow_id, run_id, yes } });
      }
    }
  }

  private take({ events, requests }: FlowEffects): void {
    if (events.length > 0) this.options.onSteps(events);
    this.asked.push(...requests);
  }

  private append(logTimeMs: number, member: Partial<FlowInput> & Pick<FlowInput, 'kind'>): void {
    this.log.append({
      workspace: this.options.workspace,
      log_time: logTimeMs,
      received_at: logTimeMs,
      changes: null,
      profile: null,
      merge: null,
      parting: null,
      erasure: null,
      command: null,
      settings: null,
      code_pool: null,
      suppression: null,
      answer: null,
      outcome: null,
      settled: null,
      ...member,
    });
  }
}

/** What the past does not hold and a back-test therefore leaves out. */
export function notPlayed(flow: Flow): ('activity' | 'in_next')[] {
  const exits = exitsOf(flow).some((exit) => 'activity' in exit);
  const ahead = flow.triggers.some(({ time }) => time?.operator === 'in_next');
  return [...(exits ? (['activity'] as const) : []), ...(ahead ? (['in_next'] as const) : [])];
}

/** The audiences that the flow asks about. */
export function audiencesOf({ audience, while: condition, nodes }: Flow): Audience[] {
  const ofSplits = Object.values(nodes).map((node) =>
    !isMessage(node) && node.type === 'split' && 'if' in node ? node.if : undefined,
  );
  return [audience, condition, ...ofSplits].filter((asked) => asked !== undefined);
}

/** Whether a condition of the flow on trait events looks at products. */
export function looksAtProducts({ triggers, exit_on, goal, nodes }: Flow): boolean {
  const conditions = [...(exit_on ?? []), ...(goal === undefined ? [] : [goal]), ...Object.values(nodes)];
  const leaves = conditions.flatMap((of) => ('event' in of ? [of.event] : 'trigger' in of ? [of.trigger] : []));
  return [...triggers, ...leaves].some(({ product_id }) => product_id !== undefined);
}
