/**
 * A second implementation of docs/flows.md, from its text alone: everything that ever happened is kept in lists, and every
 * question is answered by looking through them. Deliberately simple and slow. Not in it: questions, quiet hours, `in_next`,
 * settled, codes and `move`; messages are emails.
 */
import type { Flow, FlowNode } from '../definition.ts';
import type { CaseInput, CaseStep } from './cases.ts';
import { OracleFacts } from './oracle-facts.ts';
import { CAUSES, MINUTES, NO_ORDER, sha, type Event, type Message, type Run } from './oracle-model.ts';

export interface OracleOptions {
  cap: { count: number; minutes: number } | null;
  /** What becomes of a message, by run id and node. */
  outcomeOf(run: string, node: string): 'sent' | 'failed' | 'unknown';
}

export class Oracle extends OracleFacts {
  constructor(private readonly options: OracleOptions) {
    super();
  }

  publish(flow: string, definition: Flow): void {
    this.flows.set(flow, { live: definition, state: this.flows.get(flow)?.state ?? 'live' });
  }

  /** @param mayWrite the person has an address that accepts email */
  profile(person: string, mayWrite: boolean): void {
    this.profiles.set(this.who(person), mayWrite);
  }

  take(input: CaseInput): void {
    this.now = input.at;
    this.place++;
    const continuing: Run[] = this.fireTimers();
    if (input.profile !== undefined) this.profile(input.profile.person, input.profile.emails[0]?.[1] !== 'opted_out');
    if (input.merge !== undefined) this.merge(...input.merge);
    if (input.part !== undefined) for (const [cart, person] of Object.entries(input.part)) this.part(cart, person);
    if (input.pause !== undefined) this.setState(input.pause, 'paused');
    if (input.resume !== undefined) continuing.push(...this.resume(input.resume));
    if (input.archive !== undefined) {
      this.setState(input.archive, 'archived');
      for (const run of this.live(input.archive)) this.end(run, 'archived');
    }
    if (input.publish !== undefined) this.publish(input.publish, input.flow as Flow);
    if (input.cart !== undefined) continuing.push(...this.changes(input));
    const out = continuing.flatMap((run) => this.proceed(run));
    // Outcomes are records of their own, right after this one.
    for (let next = out.shift(); next !== undefined; next = out.shift()) out.push(...this.outcome(next));
  }

  private say(run: Run, what: CaseStep['what'], more: Partial<CaseStep> = {}): void {
    const node = run.node === null ? {} : { node: run.node };
    this.steps.push({ at: this.now, what, flow: run.flow, cart: run.cart, run: run.id, ...node, ...more });
  }

  private isPaused = (flow: string): boolean => this.flows.get(flow)?.state === 'paused';
  private live = (flow?: string): Run[] =>
    this.runs.filter((run) => run.ended === null && (flow === undefined || run.flow === flow));

  private setState(flow: string, state: 'live' | 'paused' | 'archived'): void {
    const known = this.flows.get(flow)!;
    if (known.state !== 'archived') known.state = state;
  }

  private fireTimers(): Run[] {
    const due = this.live().filter(({ timer }) => timer !== null && timer < this.now);
    due.sort((a, b) => a.timer! - b.timer! || (a.id < b.id ? -1 : 1));
    for (const run of due) {
      const node = run.definition.nodes[run.node!]!;
      const edge = node.type === 'wait_for' ? (node.on_timeout ?? null) : 'next' in node ? (node.next ?? null) : null;
      const shown = !this.isPaused(run.flow);
      if (shown) this.say(run, 'woken');
      run.ready = { at: run.timer!, edge, shown };
      run.timer = null;
    }
    return due.filter((run) => run.ready!.shown);
  }

  private resume(flow: string): Run[] {
    if (this.flows.get(flow)?.state !== 'paused') return [];
    this.setState(flow, 'live');
    const ready = this.live(flow).filter((run) => run.ready !== null);
    return ready.sort((a, b) => a.ready!.at - b.ready!.at || (a.id < b.id ? -1 : 1));
  }

  private changes(input: CaseInput): Run[] {
    const cart = input.cart!;
    this.owners.set(cart, this.who(input.person!));
    const retracted: Event[] = [];
    for (const id of input.retract ?? []) {
      const event = this.find(id);
      if (event === undefined || !this.isOn(event)) continue;
      event.history.push({ place: this.place, on: false, counts: 0 });
      retracted.push(event);
    }
    const asserted: { event: Event; isFirst: boolean }[] = [];
    for (const { id, trait, status = '', t, last_activity, replaces } of input.assert ?? []) {
      const known = this.find(id);
      if (known !== undefined && this.isOn(known)) continue;
      const event = known ?? { id, cart, trait, status, t, last: last_activity ?? null, replaces: null, history: [] };
      const replaced = replaces === undefined ? undefined : this.find(replaces);
      event.replaces = replaced?.id ?? null;
      event.history.push({
        place: this.place,
        on: true,
        counts: replaced === undefined ? this.place : this.placeOf(replaced),
      });
      if (known === undefined) this.events.push(event);
      asserted.push({ event, isFirst: known === undefined });
    }
    const news = asserted.map(({ event }) => event);
    const kept = this.repoint(retracted, news);
    const satisfied = this.endAndSatisfy(cart, news);
    this.noteGoals(cart, retracted, news);
    return [...satisfied, ...asserted.flatMap((one) => this.start(one.event, one.isFirst, kept))];
  }

  private repoint(retracted: Event[], news: Event[]): { run: Run; event: Event }[] {
    const kept: { run: Run; event: Event }[] = [];
    for (const run of this.live()) {
      if (!retracted.includes(run.events.at(-1)!)) continue;
      const next = news.find((event) => event.replaces === run.events.at(-1)!.id);
      if (next === undefined) continue;
      run.events.push(next);
      kept.push({ run, event: next });
      this.say(run, 'repointed');
    }
    return kept;
  }

  private endBy(run: Run, causes: string[]): boolean {
    const first = CAUSES.find((cause) => causes.includes(cause));
    if (first !== undefined) this.end(run, first);
    return first !== undefined;
  }

  private endAndSatisfy(cart: string, news: Event[]): Run[] {
    const satisfied: Run[] = [];
    const concerned = this.live().filter((run) => this.who(run.person) === this.owner(cart));
    const causes = concerned.map((run) => this.causes(run, news));
    concerned.forEach((run, i) => {
      if (this.endBy(run, causes[i]!) || run.timer === null) return;
      const node = run.definition.nodes[run.node!]!;
      if (node.type !== 'wait_for') return;
      const comes = news.some((event) =>
        'event' in node
          ? this.isEvent(run, node.event, node.of, event, run.reachedPlace)
          : this.isCheckout(run, node.checkout, event, run.reachedPlace, true),
      );
      if (!comes) return;
      const shown = !this.isPaused(run.flow);
      if (shown) this.say(run, 'woken');
      run.timer = null;
      run.ready = { at: this.now, edge: node.next ?? null, shown };
      if (shown) satisfied.push(run);
    });
    return satisfied.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  private end(run: Run, cause: string): void {
    this.say(run, 'exited', { reason: cause });
    run.ended = cause;
    run.timer = null;
  }

  private hasSent = (run: Run): boolean =>
    this.messages.some((message) => message.run === run && message.state === 'sent');
  /** A run counts for `once` and the cooldown. */
  private counts = (run: Run): boolean => run.ended !== 'retracted' || this.hasSent(run);

  private start(event: Event, isFirst: boolean, kept: { run: Run; event: Event }[]): Run[] {
    return [...this.flows.keys()].sort().flatMap((flow) => {
      const { live: definition, state } = this.flows.get(flow)!;
      if (state === 'archived' || kept.some((one) => one.event === event && one.run.flow === flow)) return [];
      const trigger = definition.triggers.find((leaf) => this.satisfies(leaf, event));
      if (trigger === undefined) return [];
      const earlier = this.runs.filter((run) => run.flow === flow && run.events.includes(event));
      const last = earlier.at(-1);
      if (!isFirst && (last === undefined || last.ended !== 'retracted' || this.hasSent(last))) return [];
      const reason = this.refusal(flow, definition, event);
      if (reason !== undefined) {
        this.steps.push({ at: this.now, what: 'refused', flow, cart: event.cart, reason });
        return [];
      }
      const k = this.runs.filter((run) => run.flow === flow && run.events[0] === event).length;
      const run: Run = {
        flow,
        definition,
        id: sha(`${flow}:${event.id}:${k}`).slice(0, 32),
        cart: event.cart,
        person: this.owner(event.cart),
        events: [event],
        at: this.now,
        place: this.place,
        node: null,
        reachedAt: 0,
        reachedPlace: 0,
        timer: null,
        ready: null,
        ended: null,
      };
      this.runs.push(run);
      this.say(run, 'started');
      if (trigger.trait === 'cart_abandoned' && this.endBy(run, this.causes(run, []))) return [];
      run.ready = { at: this.now, edge: definition.start, shown: true };
      return [run];
    });
  }

  private refusal(flow: string, definition: Flow, event: Event): string | undefined {
    if (this.now - event.t > (definition.max_age_minutes ?? 60)) return 'too_old';
    if (this.isPaused(flow)) return 'paused';
    const person = this.owner(event.cart);
    const asks = this.exitsOf(definition).some((exit) => 'checkout' in exit && exit.checkout === 'person');
    const bought = (other: Event): boolean =>
      other.trait === 'cart_status_updated' &&
      this.isOn(other) &&
      this.owner(other.cart) === person &&
      !NO_ORDER.includes(other.status) &&
      other.t > (event.last ?? event.t);
    if (event.trait === 'cart_abandoned' && asks && this.events.some(bought)) return 'bought';
    for (let id = event.replaces; id !== null; id = this.find(id)?.replaces ?? null) {
      const replaced = this.find(id);
      if (this.runs.some((run) => run.flow === flow && this.hasSent(run) && run.events.some((one) => one === replaced)))
        return 'already';
    }
    const { rule, per, cooldown } = definition.reentry ?? { rule: 'after_exit', per: 'cart' };
    const mine = this.runs.filter(
      (run) =>
        run.flow === flow &&
        this.counts(run) &&
        (per === 'cart' ? run.cart === event.cart : this.who(run.person) === person),
    );
    if (rule === 'after_exit' && mine.some((run) => run.ended === null)) return 'live';
    if (rule === 'once' && mine.length > 0) return 'once';
    const last = Math.max(-Infinity, ...mine.map(({ at }) => at));
    if (cooldown !== undefined && this.now < last + cooldown.amount * MINUTES[cooldown.unit]) return 'cooldown';
    return undefined;
  }

  /** Continues a run; returns the messages that leave. */
  private proceed(run: Run): Message[] {
    if (run.ended !== null || run.ready === null) return [];
    if (!run.ready.shown) this.say(run, 'woken');
    let edge = run.ready.edge;
    run.ready = null;
    for (;;) {
      if (edge === null || edge === undefined) {
        run.ended = 'completed';
        this.steps.push({ at: this.now, what: 'completed', flow: run.flow, cart: run.cart, run: run.id });
        return [];
      }
      run.node = edge;
      run.reachedAt = this.now;
      run.reachedPlace = this.place;
      this.say(run, 'reached');
      const next = this.begin(run, run.definition.nodes[edge]!);
      if (next === 'rests') return [];
      if (typeof next === 'object' && next !== null) return [next];
      edge = next;
    }
  }

  private begin(run: Run, node: FlowNode): string | null | 'rests' | Message {
    switch (node.type) {
      case 'wait':
        if (!('for' in node)) throw new Error('the oracle waits for durations only');
        run.timer = this.now + node.for.amount * MINUTES[node.for.unit];
        return 'rests';
      case 'wait_for':
        run.timer = this.now + node.timeout.amount * MINUTES[node.timeout.unit];
        return 'rests';
      case 'split': {
        const trigger = run.events.at(-1)!;
        const number = parseInt(sha(`${run.flow}:${run.id}:${run.node}`).slice(0, 8), 16) % 100;
        const holds =
          'percent' in node
            ? number < node.percent
            : 'trigger' in node && this.satisfies({ ...node.trigger }, { ...trigger, t: -Infinity });
        return (holds ? node.then : node.else) ?? null;
      }
      case 'exit':
        this.say(run, 'completed', node.reason === undefined ? {} : { reason: node.reason });
        run.ended = 'completed';
        return 'rests';
      case 'email':
        return this.email(run, node);
      default:
        throw new Error(`the oracle has no ${node.type}`);
    }
  }

  private email(run: Run, node: Extract<FlowNode, { type: 'email' }>): string | null | Message {
    const person = this.who(run.person);
    const mayWrite = this.profiles.get(person);
    const reason =
      mayWrite === undefined ? 'no_address' : !mayWrite ? 'no_consent' : this.isCapped(person) ? 'capped' : undefined;
    if (reason !== undefined) {
      this.say(run, 'skipped', { reason });
      return (node.else === undefined ? node.next : node.else) ?? null;
    }
    this.say(run, 'requested');
    const message: Message = { run, node: run.node!, person, at: this.now, place: this.place, state: 'out' };
    this.messages.push(message);
    return message;
  }

  private isCapped(person: string): boolean {
    const { cap } = this.options;
    if (cap === null) return false;
    const counted = this.messages.filter(
      (one) =>
        this.who(one.person) === person &&
        (one.state === 'out' || (one.state === 'sent' && one.at >= this.now - cap.minutes)),
    );
    return counted.length >= cap.count;
  }

  private outcome(message: Message): Message[] {
    this.place++;
    const { run, node } = message;
    const what = this.options.outcomeOf(run.id, node);
    const isSent = what !== 'failed';
    message.state = isSent ? 'sent' : 'not sent';
    message.at = this.now;
    message.place = this.place;
    this.say(run, what, { node });
    if (run.ended !== null) return [];
    const at = run.definition.nodes[node]!;
    if (at.type !== 'email') return [];
    const edge = what === 'sent' || at.else === undefined ? at.next : at.else;
    run.ready = { at: this.now, edge: edge ?? null, shown: true };
    return this.isPaused(run.flow) ? [] : this.proceed(run);
  }

  private noteGoals(cart: string, retracted: Event[], news: Event[]): void {
    for (const goal of this.goals)
      if (!goal.isLost && goal.cart === cart && retracted.includes(goal.event)) {
        goal.isLost = true;
        this.steps.push({ at: this.now, what: 'goal', flow: goal.flow, cart, run: goal.run.id, reason: 'retracted' });
      }
    for (const event of news) {
      const sent = this.messages.filter(
        (one) =>
          one.state === 'sent' &&
          this.who(one.person) === this.owner(cart) &&
          one.at < event.t &&
          one.place < this.placeOf(event),
      );
      const last = sent.sort((a, b) => b.at - a.at || b.place - a.place)[0];
      const goal = last?.run.definition.goal;
      if (last === undefined || goal === undefined) continue;
      const within = goal.within ?? { amount: 14, unit: 'days' as const };
      if (event.t > last.at + within.amount * MINUTES[within.unit]) continue;
      const isGoal =
        'checkout' in goal
          ? event.trait === 'cart_status_updated' && !NO_ORDER.includes(event.status)
          : this.satisfies(goal.event, event) && (goal.of === 'person' || last.run.cart === cart);
      if (!isGoal || this.goals.some((one) => !one.isLost && one.flow === last.run.flow && one.cart === cart)) continue;
      this.goals.push({ flow: last.run.flow, cart, event, run: last.run, isLost: false });
      this.steps.push({ at: this.now, what: 'goal', flow: last.run.flow, cart, run: last.run.id });
    }
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
    for (const run of this.live()) if (run.cart === cart) this.end(run, 'parted');
    this.owners.set(cart, this.who(person));
  }
}
