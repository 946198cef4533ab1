/** A cart under test: feeds the core and keeps what has been asserted minus what has been retracted. */
import type { CartEvent, CartSnapshot, TraitChange } from '../../../schemas/types.ts';
import { Scratch, concludeDue, dueOf, foldCart, snapshotOf, type Folded } from '../index.ts';

/** One for all carts, as in the topology: what one cart has left in it must not reach another. */
const scratch = new Scratch();

/** What a change says; of the fields of `like` only, if given: those stored by earlier versions have fewer. */
function said({ op: _op, retracted_at: _at, ...fields }: TraitChange, like: object = fields): string {
  return JSON.stringify(Object.entries(fields).filter(([field]) => field in like));
}

const idOf = (change: TraitChange): string => `${change.trait}|${change.status}|${change.occurred_at}`;

export class TestCart {
  state: Buffer | undefined;
  /** All changes so far. */
  readonly log: TraitChange[] = [];
  readonly standing = new Map<string, TraitChange>();
  private readonly retracted = new Set<string>();

  constructor(private readonly horizonMs?: number) {}

  /** A cart that goes on from a stored state, with what stood then. */
  static restored(state: Buffer, traits: readonly TraitChange[]): TestCart {
    const cart = new TestCart();
    cart.state = state;
    cart.take(traits.map((trait) => ({ ...trait, op: 'asserted', retracted_at: null, replaces: null })));
    for (const trait of traits) cart.standing.set(idOf(trait), trait);
    return cart;
  }

  /** Advances log time, as a tick or another cart's record would. */
  tick(logTime: number): TraitChange[] {
    if (this.state === undefined) return [];
    const all: TraitChange[] = [];
    for (;;) {
      const due = dueOf(this.state, this.horizonMs, scratch);
      if (due === undefined || !(logTime > due)) return all;
      const { state, changes } = concludeDue(this.state, logTime, this.horizonMs, scratch);
      this.state = state;
      this.take(changes);
      all.push(...changes);
    }
  }

  deliver(event: CartEvent, logTime: number): Folded {
    const folded = foldCart(this.state, event, logTime, this.horizonMs, scratch);
    this.state = folded.state;
    this.take(folded.changes);
    return folded;
  }

  snapshot(): CartSnapshot {
    return snapshotOf(this.state!, scratch);
  }

  due(): number | undefined {
    return dueOf(this.state!, this.horizonMs, scratch);
  }

  /** What stands. */
  traits(): TraitChange[] {
    return [...this.standing.values()];
  }

  private take(changes: readonly TraitChange[]): void {
    for (const change of changes) {
      const id = idOf(change);
      this.log.push(change);
      const stood = this.standing.get(id);
      const stands = stood !== undefined;
      // Beyond the horizon a new life starts and may emit again what the previous one emitted.
      if (change.op === 'asserted' && stands && !change.beyond_horizon) throw new Error(`asserted twice: ${id}`);
      if (change.op !== 'asserted' && !stands) throw new Error(`${change.op} without standing: ${id}`);
      if ((change.op === 'retracted') !== (change.retracted_at !== null)) throw new Error(`retracted_at of ${id}`);
      if (stands && change.op !== 'asserted') {
        // A retraction says what stood, an update something else.
        const same = said(stood) === said(change, stood);
        const isPartial = !('last_activity_at' in stood);
        if (same !== (change.op === 'retracted') && !(same && isPartial))
          throw new Error(`${change.op}, but what stood was ${said(stood)}`);
      }
      if (change.op === 'asserted' && change.replaces !== null) this.checkReplaced(change, id);
      if (change.op === 'retracted') {
        this.standing.delete(id);
        this.retracted.add(id);
      } else {
        this.standing.set(id, change);
      }
    }
  }

  /** What is replaced has been retracted, and is not back. */
  private checkReplaced(change: TraitChange, id: string): void {
    const replaced = `${change.trait}|${change.status}|${change.replaces}`;
    if (!this.retracted.has(replaced)) throw new Error(`${id} replaces what was never retracted: ${replaced}`);
    if (this.standing.has(replaced)) throw new Error(`${id} replaces what stands: ${replaced}`);
  }
}
