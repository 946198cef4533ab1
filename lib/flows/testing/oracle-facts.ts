/** What the oracle knows, and how it answers questions about it: by looking through everything. */
import type { Flow, Leaf } from '../definition.ts';
import type { CaseStep } from './cases.ts';
import { minus, plus } from './oracle-calendar.ts';
import {
  NO_ORDER,
  type Cart,
  type Event,
  type GoalReached,
  type Message,
  type Profile,
  type Run,
  type Trigger,
} from './oracle-model.ts';

/** Statuses in the order of an order's life (docs/semantics.md §2). */
const PLACES: Record<string, number> = {
  pending: 0,
  verification: 1,
  staff_member_review: 2,
  preparing: 3,
  ready_for_pickup: 4,
  delivery_started: 4,
  delivery_finished: 5,
};
/** No status is expected of a cart in one of these. */
const NOT_AHEAD = ['pending', 'finished', 'finished_without_review', 'with_review', 'cancelled', 'dismissed'];

export class OracleFacts {
  readonly steps: CaseStep[] = [];
  protected zone = 'UTC';
  protected readonly flows = new Map<string, { live: Flow; state: 'live' | 'paused' | 'archived' }>();
  protected readonly events: Event[] = [];
  protected readonly carts = new Map<string, Cart>();
  protected readonly runs: Run[] = [];
  protected readonly messages: Message[] = [];
  protected readonly owners = new Map<string, string>();
  protected readonly merges = new Map<string, string>();
  protected readonly profiles = new Map<string, Profile>();
  protected readonly goals: GoalReached[] = [];
  protected place = 0;
  protected now = 0;

  protected who(person: string): string {
    const winner = this.merges.get(person);
    return winner === undefined ? person : this.who(winner);
  }

  protected owner = (cart: string): string => this.who(this.owners.get(cart)!);

  protected isPaused = (flow: string): boolean => this.flows.get(flow)?.state === 'paused';
  protected live = (flow?: string): Run[] =>
    this.runs.filter((run) => run.ended === null && (flow === undefined || run.flow === flow));

  protected isOn = (event: Event): boolean => event.history.at(-1)!.on;
  /** Where an event counts as asserted. */
  protected placeOf = (event: Event): number => event.history.filter(({ on }) => on).at(-1)!.counts;
  protected find = (id: string | null): Event | undefined => this.events.find((event) => event.id === id);

  /** A leaf without its time. */
  protected fits = (leaf: Leaf, found: Omit<Trigger, 'id' | 't' | 'last' | 'instant'>): boolean => {
    const isOneOf = (list: string[] | undefined, value: string | null): boolean =>
      list === undefined || (value !== null && list.includes(value));
    const { amount, product_id: products } = leaf;
    return (
      leaf.trait === found.trait &&
      isOneOf(leaf.status, found.status) &&
      isOneOf(leaf.store_id, found.store) &&
      isOneOf(leaf.mode, found.mode) &&
      (amount === undefined ||
        (found.amount !== null &&
          found.amount >= (amount.min ?? -Infinity) &&
          found.amount <= (amount.max ?? Infinity))) &&
      (products === undefined || found.products.some((product) => products.includes(product)))
    );
  };

  protected satisfies(leaf: Leaf, event: Event): boolean {
    const { time } = leaf;
    if (!this.fits(leaf, event) || event.t > this.now) return false;
    if (time === undefined) return true;
    if (time.operator !== 'in_last') throw new Error(`the oracle does not know ${time.operator}`);
    return event.t >= minus(this.now, time, this.zone);
  }

  /** The status that an order is expected to come to at its reservation's time. */
  private expected({ status, had, mode }: Cart): string | null {
    if (status === null || NOT_AHEAD.includes(status)) return null;
    const expected = mode === 'delivery' ? 'delivery_started' : 'ready_for_pickup';
    if (status === expected || had.includes(expected)) return null;
    return (PLACES[status] ?? 0) > PLACES[expected]! ? null : expected;
  }

  /** What an `in_next` trigger would be by: null, if the cart does not satisfy it apart from its time. */
  protected ahead(leaf: Leaf, cart: Cart): Trigger | null {
    const isAbandoned = leaf.trait === 'cart_abandoned';
    const status = isAbandoned ? '' : this.expected(cart);
    const instant = isAbandoned ? cart.due : cart.reservation;
    if (status === null || instant === null) return null;
    const found = {
      ...{ id: `${cart.id}@${instant}`, trait: leaf.trait, status, t: this.now, last: cart.last, instant },
      ...{ store: cart.store, mode: cart.mode, amount: cart.amount, products: [] },
    };
    return this.fits(leaf, found) ? found : null;
  }

  /** The instant that a run by `in_next` awaits is another, or does not apply any more. */
  private hasMoved(run: Run): boolean {
    const { trait, status, instant } = run.trigger;
    if (instant === null || instant <= this.now) return false;
    const cart = this.carts.get(run.cart)!;
    if (trait === 'cart_abandoned') return cart.due !== instant;
    return this.expected(cart) !== status || cart.reservation !== instant;
  }

  protected since = ({ trigger }: Run): number => trigger.last ?? trigger.t;

  /** Whether a checkout that counts for the run, of its cart or its person, is known. */
  protected isCheckout(run: Run, scope: 'cart' | 'person', event: Event, after: number, isAwaited: boolean): boolean {
    if (event.trait !== 'cart_status_updated' || !this.isOn(event)) return false;
    const own = event.cart === run.cart;
    if (!own && (scope === 'cart' || this.owner(event.cart) !== this.who(run.person))) return false;
    if (own ? event.status === 'pending' : NO_ORDER.includes(event.status)) return false;
    if (run.trigger.trait === 'cart_abandoned')
      return event.t > this.since(run) && (!isAwaited || this.placeOf(event) > after);
    return this.placeOf(event) > after && event.t >= run.trigger.t;
  }

  protected exitsOf = (flow: Flow) =>
    flow.exit_on ??
    (flow.triggers.some(({ trait }) => trait === 'cart_abandoned')
      ? [{ checkout: 'person' as const }, { activity: 'cart' as const }]
      : []);

  protected isEvent(run: Run, leaf: Leaf, of: 'cart' | 'person', event: Event, after: number): boolean {
    const isIts = of === 'cart' ? event.cart === run.cart : this.owner(event.cart) === this.who(run.person);
    return isIts && this.placeOf(event) > after && event.t >= run.trigger.t && this.satisfies(leaf, event);
  }

  /** Everything that ends a run now. `cart`: the one that the record is about; `news`: what it asserts. */
  protected causes(run: Run, news: Event[], cart?: string): string[] {
    const causes: string[] = [];
    for (const exit of this.exitsOf(run.definition)) {
      if (
        'checkout' in exit &&
        this.events.some((event) => this.isCheckout(run, exit.checkout, event, run.place, false))
      )
        causes.push('checkout');
      if ('activity' in exit && (this.carts.get(run.cart)!.last ?? -Infinity) > run.trigger.t) causes.push('activity');
      if ('event' in exit && news.some((event) => this.isEvent(run, exit.event, exit.of, event, run.place)))
        causes.push('event');
    }
    const event = this.find(run.trigger.id);
    if (event !== undefined && !this.isOn(event)) causes.push('retracted');
    if (cart === run.cart && this.hasMoved(run)) causes.push('retracted');
    return causes;
  }

  protected hasSent = (run: Run): boolean =>
    this.messages.some((message) => message.run === run && message.state === 'sent');
  /** A run counts for `once` and the cooldown. */
  protected counts = (run: Run): boolean => run.ended !== 'retracted' || this.hasSent(run);
  /** Runs that are remembered: those that have started, or whose person may yet enter. */
  protected known = (flow: string): Run[] => this.runs.filter((run) => run.flow === flow && run.ended !== 'refused');

  /** Why an event, or a cart that `in_next` awaits, starts no run; undefined: it does. */
  protected refusal(flow: string, definition: Flow, cart: string, trigger: Trigger): string | undefined {
    const isAhead = trigger.instant !== null;
    if (!isAhead && this.now - trigger.t > (definition.max_age_minutes ?? 60) * 60_000) return 'too_old';
    if (this.isPaused(flow)) return 'paused';
    const person = this.owner(cart);
    const asks = this.exitsOf(definition).some((exit) => 'checkout' in exit && exit.checkout === 'person');
    const bought = (other: Event): boolean =>
      other.trait === 'cart_status_updated' &&
      this.isOn(other) &&
      this.owner(other.cart) === person &&
      !NO_ORDER.includes(other.status) &&
      other.t > (trigger.last ?? trigger.t);
    if (trigger.trait === 'cart_abandoned' && asks && this.events.some(bought)) return 'bought';
    for (let id = this.find(trigger.id)?.replaces ?? null; id !== null; id = this.find(id)?.replaces ?? null)
      if (this.known(flow).some((run) => this.hasSent(run) && run.events.includes(id!))) return 'already';
    const { rule, per, cooldown } = definition.reentry ?? { rule: 'after_exit', per: 'cart' };
    const mine = this.known(flow).filter(
      (run) =>
        this.counts(run) && (per === 'cart' ? run.cart === cart && !run.isErased : this.who(run.person) === person),
    );
    if (rule === 'after_exit' && mine.some((run) => run.ended === null)) return 'live';
    if (rule === 'once' && mine.length > 0) return 'once';
    const last = Math.max(-Infinity, ...mine.map(({ at }) => at));
    if (cooldown !== undefined && mine.length > 0 && this.now < plus(last, cooldown, this.zone)) return 'cooldown';
    return undefined;
  }

  protected noteGoals(cart: string, retracted: Event[], news: Event[]): void {
    for (const goal of this.goals)
      if (!goal.isLost && goal.cart === cart && retracted.some(({ id }) => id === goal.event)) {
        goal.isLost = true;
        this.steps.push({ at: this.now, what: 'goal', flow: goal.flow, cart, run: goal.run.id, reason: 'retracted' });
      }
    for (const event of news) this.noteGoal(cart, event);
  }

  private noteGoal(cart: string, event: Event): void {
    const sent = this.messages.filter(
      (one) =>
        one.state === 'sent' &&
        !one.isErased &&
        this.who(one.person) === this.owner(cart) &&
        one.at < event.t &&
        one.place < this.placeOf(event),
    );
    const last = sent.sort((a, b) => b.at - a.at || b.place - a.place)[0];
    const goal = last?.run.definition.goal;
    if (last === undefined || goal === undefined) return;
    const { run } = last;
    if (event.t > plus(last.at, goal.within ?? { amount: 14, unit: 'days' }, this.zone)) return;
    const isGoal =
      'checkout' in goal
        ? event.trait === 'cart_status_updated' && !NO_ORDER.includes(event.status)
        : this.satisfies(goal.event, event) && (goal.of === 'person' || run.cart === cart);
    if (!isGoal || this.goals.some((one) => !one.isLost && one.flow === run.flow && one.cart === cart)) return;
    this.goals.push({ flow: run.flow, cart, event: event.id, run, isLost: false });
    this.steps.push({ at: this.now, what: 'goal', flow: run.flow, cart, run: run.id });
  }
}
