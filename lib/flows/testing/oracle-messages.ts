/** What the oracle does at a message: settled, `while`, consent, suppressions, the cap, quiet hours, codes. */
import type { Audience } from '../../audiences/index.ts';
import type { FlowSpan, MessageNode } from '../definition.ts';
import { firstAllowed, minus } from './oracle-calendar.ts';
import { OracleFacts } from './oracle-facts.ts';
import type { How, Message, Open, Run } from './oracle-model.ts';
import type { CaseStep } from './cases.ts';

export interface OracleSettings {
  cap: { count: number; per: FlowSpan } | null;
  quiet: { from: string; to: string; channels: string[] };
}

/** The run waits for something. */
export const RESTS = Symbol('rests');
export type Next = string | null | typeof RESTS;

const MINUTE_MS = 60_000;
/** The zones of the area codes that histories use. */
const ZONES_OF_AREA: Record<string, string[]> = {
  '+1212': ['America/New_York'],
  '+1808': ['Pacific/Honolulu'],
  '+1850': ['America/New_York', 'America/Chicago'],
};

export abstract class OracleMessages extends OracleFacts {
  /** What delivery is asked for, as text, by run. */
  readonly requests: { run: string; text: string }[] = [];
  settings: OracleSettings = { cap: null, quiet: { from: '08:00', to: '21:00', channels: ['sms'] } };
  protected readonly suppressed = new Set<string>();
  /** Codes that a pool has ever had. */
  readonly pools = new Map<string, number>();
  private readonly codes: { run: Run; pool: string; index: number }[] = [];
  /** Questions and messages that this record asks for. */
  protected readonly asked: Open[] = [];
  protected settledThrough = -Infinity;

  protected say(run: Run, what: CaseStep['what'], more: Partial<CaseStep> = {}): void {
    const node = run.node === null ? {} : { node: run.node };
    this.steps.push({ at: this.now, what, flow: run.flow, cart: run.cart, run: run.id, ...node, ...more });
  }

  protected abstract end(run: Run, cause: string): void;

  protected ask(run: Run, what: 'audience' | 'while' | 'split', audience: Audience): typeof RESTS {
    run.rests = run.hasStarted ? 'question' : 'audience';
    this.say(run, 'asked');
    this.tell(run, ['question', what, run.node, this.who(run.person), JSON.stringify(audience)]);
    this.asked.push({ kind: 'question', run, nth: run.asked++ });
    return RESTS;
  }

  protected atMessage(run: Run, node: MessageNode, how: How | 'reached'): Next {
    switch (how) {
      case 'reached': {
        const mine = this.messages.filter((one) => one.run === run && one.node === run.node);
        if (mine.some(({ state }) => state === 'sent')) return node.next ?? null;
        // Its one outcome.
        if (mine.some(({ state }) => state === 'not sent')) return this.elseOf(node);
        const out = mine.find(({ state }) => state === 'out');
        if (out === undefined || (out.revoked === 'paused' && out.isNotCalled)) return this.settle(run, node);
        run.message = out;
        run.rests = 'message';
        return RESTS;
      }
      case 'released':
      case 'check':
        return this.settle(run, node);
      case 'settled':
        return this.askWhile(run, node);
      case 'yes':
        return this.decide(run, node);
      case 'no':
        this.end(run, 'no_longer');
        return RESTS;
      case 'sent':
        return node.next ?? null;
      case 'unsent':
        return this.elseOf(node);
      default:
        throw new Error(`${how} at a message`);
    }
  }

  private elseOf = (node: MessageNode): string | null => (node.else === undefined ? node.next : node.else) ?? null;

  private settle(run: Run, node: MessageNode): Next {
    const must = run.isDelayed || this.exitsOf(run.definition).length > 0;
    if (!must || this.settledThrough >= run.dueAt) return this.askWhile(run, node);
    run.rests = 'settle';
    return RESTS;
  }

  private askWhile(run: Run, node: MessageNode): Next {
    const { while: condition } = run.definition;
    return condition === undefined ? this.decide(run, node) : this.ask(run, 'while', condition);
  }

  private decide(run: Run, node: MessageNode): Next {
    // After a pause: it is decided again whether this message is sent.
    const again = run.message;
    if (again !== null) again.isHeld = true;
    const next = this.decideNow(run, node);
    if (run.rests === 'hold') return next;
    // What was requested, and is skipped now, has its one outcome.
    if (again !== null) again.state = run.rests === 'message' ? 'taken back' : 'not sent';
    if (run.message === again) run.message = null;
    return next;
  }

  private decideNow(run: Run, node: MessageNode): Next {
    const found = this.addressOf(run, node);
    if ('reason' in found) return this.skip(run, node, found.reason);
    const { address } = found;
    const isMarketing = node.class !== 'transactional';
    if (isMarketing && this.isCapped(run, node, address)) return this.skip(run, node, 'capped');
    if (isMarketing && this.settings.quiet.channels.includes(node.type)) {
      const until = firstAllowed(this.now, this.settings.quiet, this.zonesOf(run, node, address));
      if (until === null) return this.skip(run, node, 'quiet_hours');
      if (until > this.now) {
        run.rests = 'hold';
        run.timer = until;
        this.say(run, 'held');
        return RESTS;
      }
    }
    const code = this.codeFor(run, node);
    if (code === null) return this.skip(run, node, 'no_code');
    this.request(run, node, address, code);
    return RESTS;
  }

  private skip(run: Run, node: MessageNode, reason: string): Next {
    this.say(run, 'skipped', { reason });
    run.dueAt = this.now;
    run.isDelayed = false;
    return this.elseOf(node);
  }

  private addressOf(run: Run, node: MessageNode): { address: string | null } | { reason: string } {
    if (node.type === 'webhook') return { address: null };
    const profile = this.profiles.get(this.who(run.person));
    const all = (node.type === 'sms' ? profile?.phones : profile?.emails) ?? [];
    if (all.length === 0) return { reason: 'no_address' };
    const allowed = all.filter(([, consent]) => {
      if (node.class === 'transactional') return node.type === 'email' || consent !== 'opted_out';
      return node.type === 'sms' ? consent === 'opted_in' : consent !== 'opted_out';
    });
    if (allowed.length === 0) return { reason: 'no_consent' };
    const open = allowed.map(([value]) => value).filter((value) => !this.isSuppressed(node.type, value));
    if (open.length === 0) return { reason: 'suppressed' };
    const cart = this.carts.get(run.cart);
    const ofCart = node.type === 'sms' ? cart?.phone : cart?.email;
    return { address: open.find((value) => value === ofCart) ?? open[0]! };
  }

  private isSuppressed = (channel: string, address: string): boolean =>
    [...this.suppressed].some((known) => known.startsWith(`${channel} ${address} `));

  private isCapped(run: Run, node: MessageNode, address: string | null): boolean {
    const { cap } = this.settings;
    if (cap === null) return false;
    const from = minus(this.now, cap.per, this.zone);
    const counted = this.messages.filter(
      (one) =>
        one.content.type === node.type &&
        one.content.class !== 'transactional' &&
        ((one.state === 'out' && !one.isHeld) || (one.state === 'sent' && one.at >= from)),
    );
    const ofPerson = counted.filter((one) => !one.isErased && this.who(one.person) === this.who(run.person));
    const ofAddress = counted.filter((one) => address !== null && one.address === address && !one.isForgotten);
    return Math.max(ofPerson.length, ofAddress.length) >= cap.count;
  }

  private zonesOf(run: Run, node: MessageNode, address: string | null): string[] {
    const own = this.profiles.get(this.who(run.person))?.zone ?? null;
    if (own !== null) return [own];
    return [this.zone, ...(node.type === 'sms' ? (ZONES_OF_AREA[address!.slice(0, 5)] ?? []) : [])];
  }

  /** Undefined: the message needs none, or is sent without one; null: it is skipped. */
  private codeFor(run: Run, node: MessageNode): { pool: string; index: number } | undefined | null {
    if (node.type === 'webhook' || node.code_pool === undefined) return undefined;
    const pool = node.code_pool;
    const own = this.codes.find((code) => code.run === run && code.pool === pool);
    if (own !== undefined) return own;
    const index = this.codes.filter((code) => code.pool === pool).length;
    if (index >= (this.pools.get(pool) ?? 0)) return node.if_no_code === 'send' ? undefined : null;
    const code = { run, pool, index };
    this.codes.push(code);
    return code;
  }

  private request(
    run: Run,
    content: MessageNode,
    address: string | null,
    code: { pool: string; index: number } | undefined,
  ): void {
    const nth = this.messages.filter((one) => one.run === run && one.node === run.node).length;
    const expires = run.dueAt + (content.expires_after_minutes ?? 60) * MINUTE_MS;
    const message: Message = {
      ...{ run, node: run.node!, content, person: this.who(run.person), address, expires, nth },
      ...{ at: this.now, place: this.place, state: 'out', revoked: null },
      ...{ isNotCalled: false, isHeld: false, isForgotten: false, isErased: false },
    };
    this.messages.push(message);
    run.message = message;
    run.rests = 'message';
    this.say(run, 'requested');
    this.tell(run, ['message', message.node, message.person, address, run.dueAt, expires, code?.pool, code?.index]);
    this.asked.push({ kind: 'message', message, run });
  }

  protected tell = (run: Run, words: unknown[]): void =>
    void this.requests.push({ run: run.id, text: [this.now, ...words].join(' ') });

  protected revoke(message: Message, reason: 'paused' | 'ended'): void {
    message.revoked = reason;
    this.tell(message.run, ['revoke', message.node, reason]);
    if (reason === 'paused') this.asked.push({ kind: 'revocation', message, run: message.run });
  }

  protected out = (run: Run): Message[] =>
    this.messages.filter((message) => message.run === run && message.state === 'out');
}
