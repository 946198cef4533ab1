/** What the oracle knows, and how it answers questions about it: by looking through everything. */
import type { Flow, Leaf } from '../definition.ts';
import type { CaseStep } from './cases.ts';
import { NO_ORDER, type Event, type Message, type Run } from './oracle-model.ts';

export class OracleFacts {
  readonly steps: CaseStep[] = [];
  protected readonly flows = new Map<string, { live: Flow; state: 'live' | 'paused' | 'archived' }>();
  protected readonly events: Event[] = [];
  protected readonly runs: Run[] = [];
  protected readonly messages: Message[] = [];
  protected readonly owners = new Map<string, string>();
  protected readonly merges = new Map<string, string>();
  protected readonly profiles = new Map<string, boolean>();
  protected readonly goals: { flow: string; cart: string; event: Event; run: Run; isLost: boolean }[] = [];
  protected place = 0;
  protected now = 0;

  protected who(person: string): string {
    const winner = this.merges.get(person);
    return winner === undefined ? person : this.who(winner);
  }

  protected owner = (cart: string): string => this.who(this.owners.get(cart)!);

  protected isOn = (event: Event): boolean => event.history.at(-1)!.on;
  /** Where an event counts as asserted. */
  protected placeOf = (event: Event): number => event.history.filter(({ on }) => on).at(-1)!.counts;
  protected find = (id: string): Event | undefined => this.events.find((event) => event.id === id);

  protected satisfies = (leaf: Leaf, event: Event): boolean =>
    leaf.trait === event.trait &&
    (leaf.status === undefined || leaf.status.includes(event.status)) &&
    event.t <= this.now;

  protected since = (run: Run): number => {
    const trigger = run.events.at(-1)!;
    return trigger.last ?? trigger.t;
  };

  /** Whether a checkout that counts for the run, of its cart or its person, is known. */
  protected isCheckout(run: Run, scope: 'cart' | 'person', event: Event, after: number, isAwaited: boolean): boolean {
    if (event.trait !== 'cart_status_updated' || !this.isOn(event)) return false;
    const own = event.cart === run.cart;
    if (!own && (scope === 'cart' || this.owner(event.cart) !== this.who(run.person))) return false;
    if (own ? event.status === 'pending' : NO_ORDER.includes(event.status)) return false;
    const trigger = run.events.at(-1)!;
    if (trigger.trait === 'cart_abandoned')
      return event.t > this.since(run) && (!isAwaited || this.placeOf(event) > after);
    return this.placeOf(event) > after && event.t >= trigger.t;
  }

  protected exitsOf = (flow: Flow) =>
    flow.exit_on ??
    (flow.triggers.some(({ trait }) => trait === 'cart_abandoned')
      ? [{ checkout: 'person' as const }, { activity: 'cart' as const }]
      : []);

  protected isEvent(run: Run, leaf: Leaf, of: 'cart' | 'person', event: Event, after: number): boolean {
    const isIts = of === 'cart' ? event.cart === run.cart : this.owner(event.cart) === this.who(run.person);
    return isIts && this.placeOf(event) > after && event.t >= run.events.at(-1)!.t && this.satisfies(leaf, event);
  }

  protected causes(run: Run, news: Event[]): string[] {
    const causes: string[] = [];
    for (const exit of this.exitsOf(run.definition)) {
      if (
        'checkout' in exit &&
        this.events.some((event) => this.isCheckout(run, exit.checkout, event, run.place, false))
      )
        causes.push('checkout');
      if ('event' in exit && news.some((event) => this.isEvent(run, exit.event, exit.of, event, run.place)))
        causes.push('event');
    }
    if (!this.isOn(run.events.at(-1)!)) causes.push('retracted');
    return causes;
  }
}
