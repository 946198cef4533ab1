/** The life of a run, as the oracle plays it. */
import { edgesOf, type Flow, type FlowNode } from '../definition.ts';
import { nextTime, plus } from './oracle-calendar.ts';
import { OracleMessages, RESTS, type Next } from './oracle-messages.ts';
import { CAUSES, sha, type Event, type How, type Resting, type Run, type Trigger } from './oracle-model.ts';

/** In the order in which runs continue within a record. */
const PHASES = ['fired', 'answered', 'satisfied', 'started'] as const;
type Phase = (typeof PHASES)[number];

/** Shown as `woken`. */
const WAKES: readonly How[] = ['woken', 'timeout', 'satisfied', 'released'];
/** A message that follows is held back until everything before its time is known. */
const DELAYS: readonly How[] = ['woken', 'timeout', 'released', 'reach'];
const ON_TIMER: Partial<Record<Resting, How>> = {
  audience: 'unanswered',
  wait: 'woken',
  wait_for: 'timeout',
  hold: 'released',
};

export class OracleRuns extends OracleMessages {
  protected readonly continuing: { phase: Phase; at: number; run: Run }[] = [];

  protected makeReady(run: Run, how: How, at: number, phase: Phase): void {
    const isShown = WAKES.includes(how) && !this.isPaused(run.flow);
    if (isShown) this.say(run, 'woken');
    run.rests = 'ready';
    run.timer = null;
    run.ready = { how, at, isShown };
    // What comes too late is refused in a paused flow, too.
    if (how === 'unanswered' || !this.isPaused(run.flow)) this.continuing.push({ phase, at, run });
  }

  protected fireTimers(): void {
    const due = this.live().filter(({ timer }) => timer !== null && timer < this.now);
    for (const run of due) this.makeReady(run, ON_TIMER[run.rests]!, run.timer!, 'fired');
  }

  /** Runs continue: fired by (W, run id), answered, satisfied, then started in the order of their starts. */
  protected continueAll(): void {
    const order = ({ phase }: { phase: Phase }): number => PHASES.indexOf(phase);
    const all = this.continuing.splice(0).sort((a, b) => {
      if (a.phase !== b.phase) return order(a) - order(b);
      return a.phase === 'started' ? 0 : a.at - b.at || (a.run.id < b.run.id ? -1 : 1);
    });
    for (const { run } of all) this.proceed(run);
  }

  private proceed(run: Run): void {
    const { ready } = run;
    if (run.ended !== null || ready === null) return;
    if (this.isPaused(run.flow) && ready.how !== 'unanswered') return;
    run.ready = null;
    const { how, at } = ready;
    if (WAKES.includes(how) && !ready.isShown) this.say(run, 'woken');
    const isAnswerAtNode = run.node !== null && (how === 'yes' || how === 'no');
    if (how !== 'settled' && how !== 'check' && !isAnswerAtNode) {
      run.dueAt = at;
      run.isDelayed = DELAYS.includes(how);
    }
    if (!run.hasStarted && how !== 'yes') {
      this.say(run, 'refused', { reason: how === 'no' ? 'not_in_audience' : 'unanswered' });
      run.ended = 'refused';
      return;
    }
    if (!run.hasStarted) {
      this.begin(run);
      if (run.ended !== null) return;
    }
    let next: Next = this.goOn(run, how);
    while (next !== RESTS) next = this.follow(run, next);
  }

  /** The run starts; what is known ends it at once. */
  private begin(run: Run): void {
    run.hasStarted = true;
    this.say(run, 'started');
    if (run.endsAs !== null) this.end(run, run.endsAs);
    else this.endBy(run, this.causes(run, []));
  }

  private goOn(run: Run, how: How): Next {
    if (run.node === null) return run.definition.start;
    if (how === 'reach') return run.node;
    const node = run.definition.nodes[run.node]!;
    switch (node.type) {
      case 'wait':
        return node.next ?? null;
      case 'wait_for':
        return (how === 'satisfied' ? node.next : node.on_timeout) ?? null;
      case 'split':
        return how === 'check' ? this.reached(run, node) : ((how === 'yes' ? node.then : node.else) ?? null);
      case 'exit':
        throw new Error('a run rests at an exit');
      default:
        return this.atMessage(run, node, how);
    }
  }

  private follow(run: Run, edge: string | null): Next {
    if (edge === null) {
      this.complete(run, { at: this.now, what: 'completed', flow: run.flow, cart: run.cart, run: run.id });
      return RESTS;
    }
    run.node = edge;
    run.reachedAt = this.now;
    run.reachedPlace = this.place;
    this.say(run, 'reached');
    return this.reached(run, run.definition.nodes[edge]!);
  }

  private reached(run: Run, node: FlowNode): Next {
    switch (node.type) {
      case 'wait':
      case 'wait_for':
        run.rests = node.type;
        run.timer = this.timerOf(run, node);
        return RESTS;
      case 'split': {
        if ('if' in node) return this.ask(run, 'split', node.if);
        const number = parseInt(sha(`${run.flow}:${run.id}:${run.node}`).slice(0, 8), 16) % 100;
        const holds = 'percent' in node ? number < node.percent : this.fits(node.trigger, run.trigger);
        return (holds ? node.then : node.else) ?? null;
      }
      case 'exit': {
        const reason = node.reason === undefined ? {} : { reason: node.reason };
        const { flow, cart, id, node: at } = run;
        this.complete(run, { at: this.now, what: 'completed', flow, cart, run: id, node: at!, ...reason });
        return RESTS;
      }
      default:
        return this.atMessage(run, node, 'reached');
    }
  }

  protected timerOf(run: Run, node: Extract<FlowNode, { type: 'wait' | 'wait_for' }>): number {
    if (node.type === 'wait_for') return plus(run.reachedAt, node.timeout, this.zone);
    if ('for' in node) return plus(run.reachedAt, node.for, this.zone);
    const own = node.until.zone === 'person' ? this.profiles.get(this.who(run.person))?.zone : null;
    return nextTime(run.reachedAt, node.until, own ?? this.zone);
  }

  /** The node itself or the nearest one behind it that the new version has. */
  protected successor(former: Flow, definition: Flow, from: string): string | undefined {
    for (let layer = [from], i = 0; i <= Object.keys(former.nodes).length; i++) {
      const found = layer.find((id) => Object.hasOwn(definition.nodes, id));
      if (found !== undefined) return found;
      layer = layer.flatMap((id) => edgesOf(former.nodes[id]!).flatMap(({ to }) => (to === null ? [] : [to])));
    }
    return undefined;
  }

  private complete(run: Run, step: (typeof this.steps)[number]): void {
    this.steps.push(step);
    this.leave(run, 'completed');
  }

  protected endBy(run: Run, causes: string[]): boolean {
    const first = CAUSES.find((cause) => causes.includes(cause));
    if (first !== undefined) this.end(run, first);
    return first !== undefined;
  }

  protected override end(run: Run, cause: string): void {
    if (!run.hasStarted) {
      // It ends when it is known whether it starts; of an erased person nothing is left.
      if (cause === 'erased') run.ended = 'refused';
      else run.endsAs ??= cause;
      return;
    }
    this.say(run, 'exited', { reason: cause });
    this.leave(run, cause);
  }

  private leave(run: Run, ended: string): void {
    run.ended = ended;
    run.timer = null;
    for (const message of this.out(run)) this.revoke(message, 'ended');
  }

  protected tryToStart(flow: string, definition: Flow, cart: string, trigger: Trigger): void {
    const reason = this.refusal(flow, definition, cart, trigger);
    if (reason !== undefined) {
      this.steps.push({ at: this.now, what: 'refused', flow, cart, reason });
      return;
    }
    const k = this.known(flow).filter((run) => run.events[0] === trigger.id).length;
    const run: Run = {
      ...{ flow, definition, id: sha(`${flow}:${trigger.id}:${k}`).slice(0, 32), cart, person: this.owner(cart) },
      ...{ trigger, events: [trigger.id], at: this.now, place: this.place, hasStarted: false, node: null },
      ...{ reachedAt: 0, reachedPlace: 0, rests: 'ready', timer: null, ready: null, dueAt: this.now },
      ...{ isDelayed: false, asked: 0, message: null, endsAs: null, ended: null, isErased: false },
    };
    this.runs.push(run);
    if (definition.audience !== undefined) {
      this.ask(run, 'audience', definition.audience);
      run.timer = this.now + (definition.max_age_minutes ?? 60) * 60_000;
      return;
    }
    this.begin(run);
    if (run.ended === null) this.makeReady(run, 'start', this.now, 'started');
  }

  /** Runs of the person's flows end by the record, or get what they wait for. */
  protected endAndSatisfy(cart: string, news: Event[]): void {
    const concerned = this.live().filter((run) => this.who(run.person) === this.owner(cart));
    const causes = concerned.map((run) => this.causes(run, news, cart));
    concerned.forEach((run, i) => {
      if (this.endBy(run, causes[i]!) || run.rests !== 'wait_for') return;
      const node = run.definition.nodes[run.node!]!;
      if (node.type !== 'wait_for') return;
      const comes = news.some((event) =>
        'event' in node
          ? this.isEvent(run, node.event, node.of, event, run.reachedPlace)
          : this.isCheckout(run, node.checkout, event, run.reachedPlace, true),
      );
      if (comes) this.makeReady(run, 'satisfied', this.now, 'satisfied');
    });
  }
}
