import { readFileSync } from 'node:fs';
import type { FlowEvent, FlowInput, SendRequest, StandingCart } from '../../../schemas/types.ts';
import { addressHash } from '../address-hash.ts';
import { GeneratedReplies } from './generated-replies.ts';
import type { TestLog } from './pure-log.ts';
import {
  flowAnswer,
  flowChange,
  flowChanges,
  flowCommand,
  flowInput,
  flowOutcome,
  flowProfile,
  settingsOf,
  STANDING,
} from './records.ts';

/** The cases of flows-cases.json: their records, what answers them, and the steps that they expect (docs/flows.md §9). */

type Consent = 'opted_in' | 'opted_out' | null;
interface CaseProfile {
  phones: [string, Consent][];
  emails: [string, Consent][];
  time_zone?: string;
}

interface CaseEvent {
  id: string;
  trait: 'cart_abandoned' | 'cart_status_updated';
  t: number;
  status?: string;
  last_activity?: number;
  replaces?: string;
  store_id?: string;
  mode?: string;
  amount?: number;
  products?: string[];
}

export interface CaseInput {
  at: number;
  cart?: string;
  person?: string;
  assert?: CaseEvent[];
  retract?: string[];
  stands?: {
    cart: string;
    person: string;
    status?: string;
    had?: string[];
    mode?: string;
    store_id?: string;
    amount?: number;
    last_activity?: number;
    due?: number;
    reservation?: number;
  };
  profile?: CaseProfile & { person: string };
  merge?: [string, string];
  part?: Record<string, string>;
  /** With `carts`: those that are erased, too; without: all that the records name of the person. */
  erase?: string;
  carts?: string[];
  /** The addresses that the cart carries. */
  phone?: string;
  email?: string;
  settled?: number;
  tick?: true;
  publish?: string;
  flow?: object;
  runs?: 'finish' | 'move';
  pause?: string;
  resume?: string;
  archive?: string;
  cancel?: { cart: string; flow?: string };
  answer?: { cart: string; yes: boolean };
  outcome?: { cart: string; node: string; what: string };
  frequency_cap?: FlowCase['frequency_cap'];
  settings?: Pick<FlowCase, 'frequency_cap' | 'quiet_hours'>;
  code_pool?: { name: string; total: number };
  suppress?: { channel: 'sms' | 'email'; address: string; lifted?: boolean };
  /** In generated histories: the nth of what waits for an answer gets it. */
  reply?: number;
}

export interface CaseStep {
  at: number;
  what: FlowEvent['what'];
  flow?: string;
  cart?: string;
  node?: string;
  reason?: string;
  run?: string;
}

export interface FlowCase {
  name: string;
  flow?: object;
  flows?: Record<string, object>;
  zone: string;
  epoch: string;
  people: Record<string, CaseProfile>;
  frequency_cap?: { count: number; per: { amount: number; unit: string } };
  quiet_hours?: { from: string; to: string; channels: string[] };
  code_pools?: Record<string, number>;
  unpublished?: boolean;
  settled?: boolean;
  answers?: Record<string, (boolean | 'later')[]>;
  outcomes?: Record<string, string[]>;
  /** Calls have begun when a pause revokes their messages. */
  haveBegun?: true;
  /** In place of `answers` and `outcomes`: replies follow from names (replies.ts). */
  isGenerated?: true;
  inputs: CaseInput[];
  steps: CaseStep[];
}

export const readCases = (path: URL | string): FlowCase[] => JSON.parse(readFileSync(path, 'utf8')) as FlowCase[];

const MINUTE_MS = 60_000;
/** After every time of a case: everything is settled from the start. */
const SETTLED_MS = Date.UTC(2100, 0, 1);
const REASONED = new Set<FlowEvent['what']>(['refused', 'skipped', 'exited', 'completed', 'goal']);

/** Runs a case on a log, and plays everybody who answers. */
export class CaseRun {
  readonly events: FlowEvent[] = [];
  readonly requests: SendRequest[] = [];
  private readonly epochMs: number;
  readonly people = new Map<string, number>();
  private readonly versions = new Map<string, number>();
  private readonly turns = new Map<string, number>();
  private readonly open: SendRequest[] = [];
  private readonly generated: GeneratedReplies | undefined;
  private nowMs: number;
  private number = 0;
  private readonly erased = new Set<string>();

  constructor(
    private readonly theCase: FlowCase,
    private readonly log: TestLog,
  ) {
    this.epochMs = Date.parse(theCase.epoch);
    this.nowMs = this.ms(theCase.inputs[0]?.at ?? 0);
    this.generated = theCase.isGenerated === true ? new GeneratedReplies() : undefined;
  }

  /** The steps, in the words of a case. */
  run(): CaseStep[] {
    this.prepare();
    return this.theCase.inputs.flatMap((input) => this.play(input).steps);
  }

  /** Plays one input, and what answers it. */
  play(input: CaseInput): { steps: CaseStep[]; requests: SendRequest[] } {
    this.nowMs = this.ms(input.at);
    const [events, requests] = [this.events.length, this.requests.length];
    for (const body of this.bodiesOf(input)) this.append(body);
    return {
      steps: this.events.slice(events).map((event) => this.shown(event)),
      requests: this.requests.slice(requests),
    };
  }

  private get flows(): Record<string, object> {
    return this.theCase.flows ?? { f: this.theCase.flow! };
  }

  /** Settings, people and flows, before the first input. */
  prepare(): void {
    const { zone, code_pools = {}, people, unpublished, settled } = this.theCase;
    this.append(settingsOf(this.number++, zone, this.theCase));
    for (const [name, total] of Object.entries(code_pools))
      this.append({ code_pool: { number: this.number++, name, total } });
    for (const [person, profile] of Object.entries(people)) this.append(this.profile(person, profile));
    if (settled !== true) this.append({ settled: { t0: SETTLED_MS } });
    if (unpublished !== true) for (const flow of Object.keys(this.flows)) this.append(this.publish(flow, undefined));
  }

  private ms(minutes: number): number {
    return this.epochMs + Math.round(minutes * MINUTE_MS);
  }

  private personId(name: string): number {
    const id = this.people.get(name) ?? this.people.size + 1;
    this.people.set(name, id);
    return id;
  }

  private profile(person: string, { phones, emails, time_zone = undefined }: CaseProfile): Partial<FlowInput> {
    const addresses = (all: [string, Consent][]) => all.map(([value, consent]) => ({ value, consent }));
    return {
      profile: flowProfile({
        person_id: this.personId(person),
        phones: addresses(phones),
        emails: addresses(emails),
        time_zone: time_zone ?? null,
      }),
    };
  }

  private publish(
    flow: string,
    definition: object | undefined,
    runs: 'finish' | 'move' = 'finish',
  ): Partial<FlowInput> {
    const version = (this.versions.get(flow) ?? 0) + 1;
    this.versions.set(flow, version);
    const text = JSON.stringify(definition ?? this.flows[flow]);
    return {
      command: flowCommand({ number: this.number++, what: 'publish', flow_id: flow, version, definition: text, runs }),
    };
  }

  private bodiesOf(input: CaseInput): Partial<FlowInput>[] {
    if (input.assert !== undefined || input.retract !== undefined || input.stands !== undefined)
      return [this.changes(input)];
    if (input.profile !== undefined) return [this.profile(input.profile.person, input.profile)];
    if (input.merge !== undefined) {
      const [loser, winner] = input.merge;
      return [{ merge: { loser: this.personId(loser), winner: this.personId(winner) } }];
    }
    if (input.part !== undefined) {
      const carts = Object.entries(input.part).map(([cart_id, person]) => ({
        cart_id,
        person_id: this.personId(person),
      }));
      return [{ parting: { carts } }];
    }
    if (input.erase !== undefined) return [this.erasure(input.erase, input.carts)];
    if (input.settled !== undefined) return [{ settled: { t0: this.ms(input.settled) } }];
    if (input.publish !== undefined) return [this.publish(input.publish, input.flow, input.runs)];
    const { settings = input.frequency_cap && { frequency_cap: input.frequency_cap } } = input;
    if (settings !== undefined) return [settingsOf(this.number++, this.theCase.zone, settings)];
    if (input.code_pool !== undefined) return [{ code_pool: { number: this.number++, ...input.code_pool } }];
    for (const what of ['pause', 'resume', 'archive'] as const)
      if (input[what] !== undefined)
        return [{ command: flowCommand({ number: this.number++, what, flow_id: input[what] }) }];
    if (input.cancel !== undefined) return [this.cancel(input.cancel)];
    if (input.answer !== undefined) return [this.answerTo(input.answer)];
    if (input.outcome !== undefined) return [this.outcomeOf(input.outcome)];
    if (input.suppress !== undefined) {
      const { channel, address, lifted = false } = input.suppress;
      return [{ suppression: { channel, address_hash: addressHash(channel, address), cause: 'stop', lifted } }];
    }
    return [(input.reply === undefined ? undefined : this.generated?.late(input.reply, this.nowMs)) ?? {}];
  }

  private changes({ assert = [], retract = [], stands, phone, email, ...of }: CaseInput): Partial<FlowInput> {
    const { cart = '', person = '' } = stands ?? of;
    const retracted = retract.map((id) => flowChange({ op: 'retracted', event_id: id }));
    const asserted = assert.map((event) =>
      flowChange({
        op: 'asserted',
        event_id: event.id,
        trait: event.trait,
        status: event.status ?? '',
        occurred_at: this.ms(event.t),
        replaces: event.replaces ?? null,
        last_activity_at: event.last_activity === undefined ? null : this.ms(event.last_activity),
        store_id: event.store_id ?? null,
        mode: event.mode ?? null,
        amount: event.amount ?? null,
        products: event.products?.map((product_id) => ({ product_id, count: 1, price: null })) ?? null,
      }),
    );
    return {
      changes: flowChanges({
        cart_id: cart,
        person_id: this.personId(person),
        changes: [...retracted, ...asserted],
        ...(stands === undefined ? {} : { cart: this.standing(stands) }),
        phone: phone ?? null,
        email: email ?? null,
      }),
    };
  }

  private standing(stands: NonNullable<CaseInput['stands']>): StandingCart {
    const at = (minutes: number | undefined): number | null => (minutes === undefined ? null : this.ms(minutes));
    return {
      ...STANDING,
      status: stands.status ?? null,
      had: stands.had ?? [],
      mode: stands.mode ?? null,
      store_id: stands.store_id ?? null,
      amount: stands.amount ?? null,
      last_activity_at: at(stands.last_activity),
      due_at: at(stands.due),
      reservation_start_at: at(stands.reservation),
    };
  }

  private erasure(person: string, known?: string[]): Partial<FlowInput> {
    const carts =
      known ??
      this.theCase.inputs.flatMap((input) => {
        const of = input.stands ?? input;
        return 'cart' in of && 'person' in of && of.person === person && of.cart !== undefined ? [of.cart] : [];
      });
    for (const { cart_id, run_id } of this.events) if (carts.includes(cart_id)) this.erased.add(run_id);
    return { erasure: { person_id: this.personId(person), former_ids: [], carts: [...new Set(carts)] } };
  }

  private cancel({ cart, flow = 'f' }: { cart: string; flow?: string }): Partial<FlowInput> {
    const over = new Set(
      this.events.filter(({ what }) => ['exited', 'completed', 'refused'].includes(what)).map((e) => e.run_id),
    );
    const live = this.events.find(
      (e) =>
        (e.what === 'started' || e.what === 'asked') &&
        e.flow_id === flow &&
        e.cart_id === cart &&
        !over.has(e.run_id) &&
        !this.erased.has(e.run_id),
    );
    return {
      command: flowCommand({ number: -1, what: 'cancel', flow_id: flow, run_id: live?.run_id ?? null }),
    };
  }

  private cartOf(runId: string): string {
    return this.events.find((event) => event.run_id === runId && event.cart_id !== '')?.cart_id ?? '';
  }

  private answerTo({ cart, yes }: { cart: string; yes: boolean }): Partial<FlowInput> {
    const at = this.open.findIndex(({ question }) => question !== null && this.cartOf(question.run_id) === cart);
    const [request] = this.open.splice(at, 1);
    return flowAnswer(request!, yes);
  }

  private outcomeOf({ cart, node, what }: { cart: string; node: string; what: string }): Partial<FlowInput> {
    const isOf = ({ message }: SendRequest): boolean => message?.cart_id === cart && message.node === node;
    const at = this.open.findLastIndex(isOf);
    return flowOutcome(this.open[at]!, what);
  }

  private append(body: Partial<FlowInput>): void {
    const waiting: Partial<FlowInput>[] = [body];
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
      const { events, requests } = this.log.append(flowInput(this.nowMs, next));
      this.events.push(...events);
      this.requests.push(...requests);
      for (const request of requests) {
        const reply = this.reply(request);
        if (reply !== undefined) waiting.push(reply);
      }
    }
  }

  /** What a question or a message is answered with at once, if it is. */
  private reply(request: SendRequest): Partial<FlowInput> | undefined {
    if (this.generated !== undefined) return this.generated.take(request, this.nowMs);
    const { question, message, revoke } = request;
    if (revoke?.reason === 'paused' && this.theCase.haveBegun !== true) {
      const revoked = this.open.find((one) => one.message?.request_id === revoke.request_id);
      return revoked === undefined ? undefined : flowOutcome(revoked, 'skipped revoked');
    }
    if (question !== null) {
      const yes = this.turn(question.what === 'split' ? question.node! : question.what, this.theCase.answers) ?? true;
      if (yes !== 'later') return flowAnswer(request, yes);
      this.open.push(request);
    }
    if (message !== null) {
      const isStale = this.nowMs > message.expires_at;
      const what = this.turn(message.node, this.theCase.outcomes) ?? (isStale ? 'skipped stale' : 'sent');
      if (what !== 'later') return flowOutcome(request, what);
      this.open.push(request);
    }
    return undefined;
  }

  private turn<T>(name: string, lists: Record<string, T[]> = {}): T | undefined {
    const list = lists[name];
    const at = this.turns.get(name) ?? 0;
    this.turns.set(name, at + 1);
    return list?.[Math.min(at, list.length - 1)];
  }

  private shown(event: FlowEvent): CaseStep {
    const { what, node, reason, flow_id: flow, run_id: run } = event;
    return {
      at: Math.round(event.at - this.epochMs) / MINUTE_MS,
      what,
      flow,
      cart: event.cart_id === '' ? this.cartOf(run) : event.cart_id,
      ...(node === '' || what === 'goal' ? {} : { node }),
      ...(reason === '' || !REASONED.has(what) ? {} : { reason }),
      ...(run === '' ? {} : { run }),
    };
  }
}
