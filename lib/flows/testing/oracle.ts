/**
 * A second implementation of docs/flows.md, from its text alone: everything that ever happened is kept in lists, and every
 * question is answered by looking through them. Deliberately simple and slow.
 */
import { isMessage, type Flow, type FlowSpan } from '../definition.ts';
import type { CaseInput, FlowCase } from './cases.ts';
import { minus, plus } from './oracle-calendar.ts';
import { type Cart, type Event, type Message, type Open, type Run } from './oracle-model.ts';
import { OracleRuns } from './oracle-runs.ts';
import { answerTo, isAnswerLate, isOutcomeLate, isRepliedToAtOnce, outcomeOf } from './replies.ts';

type Stands = NonNullable<CaseInput['stands']>;

export class Oracle extends OracleRuns {
  private readonly epochMs: number;
  /** Questions and messages whose answer comes later. */
  private open: Open[] = [];

  constructor(theCase: FlowCase) {
    super();
    const { zone, epoch, people, flows = {}, code_pools = {}, settled } = theCase;
    this.zone = zone;
    this.epochMs = Date.parse(epoch);
    this.now = this.epochMs;
    this.set(theCase);
    if (settled !== true) this.settledThrough = Infinity;
    for (const [pool, codes] of Object.entries(code_pools)) this.pools.set(pool, codes);
    for (const [person, profile] of Object.entries(people)) this.profile({ person, ...profile });
    for (const [flow, definition] of Object.entries(flows))
      this.flows.set(flow, { live: definition as Flow, state: 'live' });
  }

  private ms = (minutes: number): number => this.epochMs + Math.round(minutes * 60_000);
  private msOr = (minutes: number | undefined): number | null => (minutes === undefined ? null : this.ms(minutes));

  take(input: CaseInput): void {
    this.now = this.ms(input.at);
    if (input.reply === undefined)
      this.record(input.cart ?? input.stands?.cart, () => this.input(input), this.looksAhead(input));
    else this.replyTo(input.reply);
    // Answers are records of their own, right after this one, in the order asked.
    for (let next = this.asked.shift(); next !== undefined; next = this.asked.shift()) {
      const one = next;
      if (one.kind === 'revocation') {
        const { node, nth } = one.message;
        if (isRepliedToAtOnce(one.run.id, node, nth) && this.isOpen(one.message))
          this.record(undefined, () => void this.reply(one));
        continue;
      }
      const isLate =
        one.kind === 'question'
          ? isAnswerLate(one.run.id, one.nth)
          : isOutcomeLate(one.run.id, one.message.node, one.message.nth);
      if (!isLate) this.record(undefined, () => void this.reply(one));
      else {
        const isSame = (other: Open): boolean =>
          other.kind === 'message' &&
          one.kind === 'message' &&
          other.run === one.run &&
          other.message.node === one.message.node;
        this.open = [...this.open.filter((other) => !isSame(other)), one];
      }
    }
  }

  private isOpen = (message: Message): boolean =>
    this.open.some((one) => one.kind === 'message' && one.message === message);

  /** One of those that wait for an answer gets it: the nth by run, kind and node. */
  private replyTo(n: number): void {
    const name = (one: Open): string =>
      `${one.run.id} ${one.kind} ${one.kind === 'question' ? one.nth : one.message.node}`;
    const all = this.open.sort((a, b) => (name(a) < name(b) ? -1 : 1));
    const one = all[n % all.length];
    let isGiven = false;
    this.record(undefined, () => (isGiven = one !== undefined && this.reply(one)));
    if (isGiven) this.open = all.filter((other) => other !== one);
  }

  /** One record. */
  private record(cart: string | undefined, take: () => void, isByName = false): void {
    this.place++;
    this.fireTimers();
    take();
    this.startAhead(cart, isByName);
    this.continueAll();
  }

  /** A publish that concerns `in_next` looks at all carts, one after the other. */
  private looksAhead({ publish: flow, flow: next }: CaseInput): boolean {
    if (flow === undefined || this.flows.get(flow)!.state === 'archived') return false;
    const triggers = [...this.flows.get(flow)!.live.triggers, ...(next as Flow).triggers];
    return triggers.some(({ time }) => time?.operator === 'in_next');
  }

  private input(input: CaseInput): void {
    if (input.profile !== undefined) this.profile(input.profile);
    if (input.merge !== undefined) this.merge(...input.merge);
    if (input.part !== undefined) for (const [cart, person] of Object.entries(input.part)) this.part(cart, person);
    if (input.erase !== undefined) this.erase(input.erase, input.carts ?? []);
    if (input.pause !== undefined) this.pause(input.pause);
    if (input.resume !== undefined) this.resume(input.resume);
    if (input.archive !== undefined) {
      this.flows.get(input.archive)!.state = 'archived';
      for (const run of this.live(input.archive)) this.end(run, 'archived');
    }
    if (input.cancel !== undefined) this.cancel(input.cancel.cart, input.cancel.flow!);
    if (input.publish !== undefined) this.publish(input.publish, input.flow as Flow, input.runs === 'move');
    if (input.settings !== undefined) this.set(input.settings);
    if (input.code_pool !== undefined) this.pools.set(input.code_pool.name, input.code_pool.total);
    if (input.suppress !== undefined) {
      const { channel, address, lifted = false } = input.suppress;
      if (lifted) this.suppressed.delete(`${channel} ${address} stop`);
      else this.suppressed.add(`${channel} ${address} stop`);
    }
    if (input.settled !== undefined) this.settled(this.ms(input.settled));
    if (input.cart !== undefined || input.stands !== undefined) this.changes(input);
  }

  private set({ frequency_cap: cap, quiet_hours: quiet }: Pick<FlowCase, 'frequency_cap' | 'quiet_hours'>): void {
    this.settings = {
      cap: cap === undefined ? null : { count: cap.count, per: cap.per as FlowSpan },
      quiet: quiet ?? { from: '08:00', to: '21:00', channels: ['sms'] },
    };
  }

  private profile({ person, phones, emails, time_zone: zone }: NonNullable<CaseInput['profile']>): void {
    this.profiles.set(this.who(person), { phones, emails, zone: zone ?? null });
  }

  private pause(flow: string): void {
    const known = this.flows.get(flow)!;
    if (known.state !== 'live') return;
    known.state = 'paused';
    // What the run has left behind is not checked again.
    for (const run of this.live(flow))
      for (const message of this.out(run))
        if (message.revoked === 'ended') continue;
        else if (message !== run.message) this.revoke(message, 'ended');
        else if (message.revoked === null) this.revoke(message, 'paused');
  }

  private resume(flow: string): void {
    const known = this.flows.get(flow)!;
    if (known.state !== 'paused') return;
    known.state = 'live';
    for (const run of this.live(flow)) {
      if (run.ready !== null) this.continuing.push({ phase: 'fired', at: run.ready.at, run });
      else if (run.rests === 'message' && run.message?.revoked === 'paused' && run.message.isNotCalled)
        this.makeReady(run, 'check', run.dueAt, 'fired');
    }
  }

  private cancel(cart: string, flow: string): void {
    const run = this.live(flow).find((one) => one.cart === cart);
    if (run !== undefined) this.end(run, 'cancelled');
  }

  private settled(through: number): void {
    this.settledThrough = Math.max(this.settledThrough, through);
    for (const run of this.live())
      if (run.rests === 'settle' && run.dueAt <= this.settledThrough)
        this.makeReady(run, 'settled', run.dueAt, 'answered');
  }

  private publish(flow: string, definition: Flow, isMove: boolean): void {
    const known = this.flows.get(flow);
    if (known?.state === 'archived') return;
    this.flows.set(flow, { live: definition, state: known?.state ?? 'live' });
    if (isMove) for (const run of this.live(flow)) this.move(run, definition);
  }

  private move(run: Run, definition: Flow): void {
    const former = run.definition;
    if (run.node === null) {
      run.definition = definition;
      return;
    }
    const target = this.successor(former, definition, run.node);
    if (target === undefined) return this.end(run, 'flow_changed');
    const node = definition.nodes[target]!;
    const left = run.node;
    const isSame = target === left && former.nodes[left]!.type === node.type;
    run.definition = definition;
    run.node = target;
    this.say(run, 'moved');
    if (this.endBy(run, this.causes(run, []))) return;
    if (!isSame) {
      // A message of the same name is decided again, whatever its channel.
      const isAgain = run.message?.revoked === 'paused' && target === left && isMessage(node);
      if (!isAgain && run.message?.revoked === 'paused') this.revoke(run.message, 'ended');
      if (!isAgain) run.message = null;
      this.makeReady(run, 'reach', this.now, 'fired');
    } else if ((node.type === 'wait' || node.type === 'wait_for') && run.rests === node.type) {
      run.timer = this.timerOf(run, node);
      if (run.timer < this.now) this.makeReady(run, node.type === 'wait' ? 'woken' : 'timeout', run.timer, 'fired');
    } else if (run.rests === 'question') this.makeReady(run, 'check', this.now, 'fired');
  }

  private changes(input: CaseInput): void {
    const stands: Stands = input.stands ?? { cart: input.cart!, person: input.person! };
    const { cart } = stands;
    this.owners.set(cart, this.who(stands.person));
    this.carts.set(cart, this.cartOf(stands, input));
    const retracted = this.retract(input.retract ?? []);
    const asserted = this.assert(cart, input.assert ?? []);
    const news = asserted.map(({ event }) => event);
    const kept = this.repoint(retracted, news);
    this.endAndSatisfy(cart, news);
    this.noteGoals(cart, retracted, news);
    for (const { event, isFirst } of asserted) this.start(event, isFirst, kept);
  }

  private cartOf(stands: Stands, { phone, email }: CaseInput): Cart {
    return {
      ...{ id: stands.cart, status: stands.status ?? null, had: stands.had ?? [], store: stands.store_id ?? null },
      ...{ mode: stands.mode ?? null, amount: stands.amount ?? null, last: this.msOr(stands.last_activity) },
      ...{ due: this.msOr(stands.due), reservation: this.msOr(stands.reservation) },
      ...{ phone: phone ?? null, email: email ?? null },
    };
  }

  private retract(ids: string[]): Event[] {
    const events = ids.map((id) => this.find(id)!).filter(this.isOn);
    for (const event of events) event.history.push({ place: this.place, on: false, counts: 0 });
    return events;
  }

  private assert(cart: string, all: NonNullable<CaseInput['assert']>): { event: Event; isFirst: boolean }[] {
    return all.flatMap((one) => {
      const known = this.find(one.id);
      if (known !== undefined && this.isOn(known)) return [];
      const event: Event = known ?? {
        ...{ id: one.id, cart, trait: one.trait, status: one.status ?? '', t: this.ms(one.t), instant: null },
        ...{ last: this.msOr(one.last_activity), store: one.store_id ?? null, mode: one.mode ?? null },
        ...{ amount: one.amount ?? null, products: one.products ?? [], replaces: null, history: [] },
      };
      const replaced = one.replaces === undefined ? undefined : this.find(one.replaces);
      event.replaces = replaced?.id ?? null;
      const counts = replaced === undefined ? this.place : this.placeOf(replaced);
      event.history.push({ place: this.place, on: true, counts });
      if (known === undefined) this.events.push(event);
      return [{ event, isFirst: known === undefined }];
    });
  }

  private repoint(retracted: Event[], news: Event[]): { run: Run; event: Event }[] {
    const kept: { run: Run; event: Event }[] = [];
    for (const run of this.live()) {
      if (!retracted.some(({ id }) => id === run.trigger.id)) continue;
      const next = news.find((event) => event.replaces === run.trigger.id);
      if (next === undefined) continue;
      run.trigger = next;
      run.events.push(next.id);
      kept.push({ run, event: next });
      if (run.hasStarted) this.say(run, 'repointed');
    }
    return kept;
  }

  private start(event: Event, isFirst: boolean, kept: { run: Run; event: Event }[]): void {
    for (const flow of [...this.flows.keys()].sort()) {
      const { live: definition, state } = this.flows.get(flow)!;
      if (state === 'archived' || kept.some((one) => one.event === event && one.run.flow === flow)) continue;
      const triggers = definition.triggers.filter(({ time }) => time?.operator !== 'in_next');
      if (!triggers.some((leaf) => this.satisfies(leaf, event))) continue;
      const last = this.known(flow)
        .filter((run) => run.events.includes(event.id))
        .at(-1);
      if (!isFirst && (last?.ended !== 'retracted' || this.hasSent(last))) continue;
      this.tryToStart(flow, definition, event.cart, event);
    }
  }

  private readonly used: string[] = [];

  /** Carts that come to an `in_next` trigger: that of the record, then the others in the order of the time. */
  private startAhead(first: string | undefined, isByName: boolean): void {
    const found: { cart: Cart; at: number; go: () => void }[] = [];
    for (const cart of this.carts.values())
      for (const flow of [...this.flows.keys()].sort()) {
        const { live: definition, state } = this.flows.get(flow)!;
        for (const leaf of definition.triggers) {
          const { time } = leaf;
          if (state === 'archived' || time?.operator !== 'in_next') continue;
          const trigger = this.ahead(leaf, cart);
          const instant = trigger?.instant ?? -Infinity;
          if (trigger === null || instant <= this.now || instant > plus(this.now, time, this.zone)) continue;
          const name = `${flow} ${trigger.id}`;
          const go = (): void => {
            if (this.used.includes(name)) return;
            this.used.push(name);
            this.tryToStart(flow, definition, cart.id, trigger);
          };
          if (!this.used.includes(name)) found.push({ cart, at: minus(instant, time, this.zone), go });
        }
      }
    const earliest = (id: string): number =>
      Math.min(...found.filter(({ cart }) => cart.id === id).map(({ at }) => at));
    const rank = ({ cart }: { cart: Cart }): number =>
      isByName ? 0 : cart.id === first ? -Infinity : earliest(cart.id);
    found.sort((a, b) => (a.cart === b.cart ? 0 : rank(a) - rank(b) || (a.cart.id < b.cart.id ? -1 : 1)));
    for (const { go } of found) go();
  }

  private reply(one: Open): boolean {
    const { run } = one;
    if (one.kind === 'question') {
      this.answer(run, one.nth, answerTo(run.id, one.nth));
      return true;
    }
    const { node, nth, expires, revoked } = one.message;
    const what = outcomeOf({ run: run.id, node, nth, isStale: this.now > expires, revoked });
    const isReply = what === 'skipped revoked' && revoked === 'paused';
    if (!isReply) this.outcome(one.message, what);
    else if (run.ended === null && one.message.state === 'out') this.notCalled(one.message);
    return !isReply;
  }

  /** Delivery replies to a pause. Once the flow is resumed, the message is decided again. */
  private notCalled(message: Message): void {
    const { run } = message;
    const isKnown = message.isNotCalled;
    message.isNotCalled = true;
    if (isKnown || run.message !== message || run.rests !== 'message' || this.isPaused(run.flow)) return;
    this.makeReady(run, 'check', run.dueAt, 'answered');
  }

  private answer(run: Run, nth: number, yes: boolean): void {
    const isAsked = run.rests === 'question' || run.rests === 'audience';
    if (run.ended !== null || !isAsked || nth !== run.asked - 1) return;
    this.say(run, 'answered');
    this.makeReady(run, yes ? 'yes' : 'no', this.now, 'answered');
  }

  private outcome(message: Message, text: string): void {
    if (message.state !== 'out') return;
    const { run, node } = message;
    const [what, reason] = text.split(' ') as ['sent' | 'failed' | 'unknown' | 'skipped', string | undefined];
    message.state = what === 'sent' || what === 'unknown' ? 'sent' : 'not sent';
    message.at = this.now;
    message.place = this.place;
    this.say(run, what, { node, ...(what === 'skipped' ? { reason: reason! } : {}) });
    if (!message.isErased) message.isForgotten = false;
    if (reason === 'permanently' && message.address !== null && !message.isErased)
      this.suppressed.add(`${message.content.type} ${message.address} refused`);
    if (run.ended !== null || run.message !== message) return;
    run.message = null;
    this.makeReady(run, what === 'sent' ? 'sent' : 'unsent', this.now, 'answered');
  }

  private merge(loser: string, winner: string): void {
    const [from, to] = [this.who(loser), this.who(winner)];
    if (from === to) return;
    this.merges.set(from, to);
    const runs = this.live().filter((run) => this.who(run.person) === to);
    const merged = runs.filter((run) => {
      const { rule, per } = this.flows.get(run.flow)!.live.reentry ?? { rule: 'after_exit', per: 'cart' };
      if (per !== 'person' || rule === 'always') return false;
      return runs.some(
        (other) => other.flow === run.flow && (other.at < run.at || (other.at === run.at && other.id < run.id)),
      );
    });
    const causes = runs.map((run) => [...this.causes(run, []), ...(merged.includes(run) ? ['merged'] : [])]);
    runs.forEach((run, i) => this.endBy(run, causes[i]!));
  }

  private part(cart: string, person: string): void {
    if (!this.owners.has(cart) || this.owner(cart) === this.who(person)) return;
    for (const run of this.live().filter((one) => one.cart === cart)) {
      this.end(run, 'parted');
      // One whose person may not have entered goes with the cart.
      if (!run.hasStarted) run.person = this.who(person);
    }
    this.owners.set(cart, this.who(person));
  }

  /** Nothing is left of the person and the carts but the steps. */
  private erase(person: string, carts: string[]): void {
    const profile = this.profiles.get(this.who(person));
    const addresses = [...(profile?.phones ?? []), ...(profile?.emails ?? [])].map(([value]) => value);
    const ended = this.live().filter((run) => this.who(run.person) === this.who(person) || carts.includes(run.cart));
    for (const run of ended) this.end(run, 'erased');
    for (const run of this.runs) if (carts.includes(run.cart)) run.isErased = true;
    for (const message of this.messages) {
      if (addresses.includes(message.address ?? '')) message.isForgotten = true;
      const isIts = message.run.isErased || ended.includes(message.run);
      if (isIts && message.state === 'out') message.isForgotten = message.isErased = true;
    }
    for (const cart of carts) {
      this.carts.delete(cart);
      this.owners.delete(cart);
    }
    this.profiles.delete(this.who(person));
    const rest = this.events.filter((event) => !carts.includes(event.cart));
    this.events.splice(0, this.events.length, ...rest);
    for (const goal of this.goals) if (carts.includes(goal.cart)) goal.isLost = true;
  }
}
