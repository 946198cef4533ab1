/**
 * The naive oracle: docs/semantics.md §1 to §3 taken literally; every array is folded again at every step. It was
 * written from that text alone and shares no code with the core; keep it that way. It is slow and it is meant to be.
 */
import type { AbandonmentSource, Anomaly, CartEvent, CartSnapshot, Product, Trait } from '../../../schemas/types.ts';
import { compare, isActivity, isEmptying, isOwn, repeats } from './oracle-events.ts';

/** A trait event that counts, with everything that a TraitChange says about it but `op` and `retracted_at`. */
export interface OracleTrait {
  trait: Trait;
  status: string;
  occurred_at: number;
  detected_at: number;
  recovered_at: number | null;
  last_activity_at: number | null;
  source: AbandonmentSource | null;
  previous_status: string | null;
  reentered: boolean;
  anomaly: Anomaly | null;
  store_id: string | null;
  mode: string | null;
  amount: number | null;
  products: Product[] | null;
  beyond_horizon: boolean;
  replaces: number | null;
}

interface Arrived {
  event: CartEvent;
  /** Log time of the first delivery. */
  arrival: number;
  /** Which one it was to arrive. */
  turn: number;
}

interface Abandonment {
  at: number;
  source: AbandonmentSource;
  /** The activities of its episode. */
  members: Arrived[];
  /** L: T of the last activity of the episode that it ends. */
  lastActivity: number | null;
  /** How many events, in order, lie up to it. */
  upTo: number;
}

type Undated = Omit<OracleTrait, 'detected_at' | 'replaces'>;

const TERMINAL = ['cancelled', 'dismissed', 'with_review', 'finished_without_review'];
const PLACE: Record<string, number> = {
  pending: 0,
  verification: 1,
  staff_member_review: 2,
  preparing: 3,
  ready_for_pickup: 4,
  delivery_started: 4,
  delivery_finished: 5,
  finished: 6,
  finished_without_review: 7,
  with_review: 7,
};

/** The latest of the first `upTo` events that carries the field. */
function latest<
  F extends 'store_id' | 'store_name' | 'mode' | 'amount' | 'products' | 'cart_created_at' | 'reservation_start_at',
>(events: Arrived[], upTo: number, field: F): CartEvent[F] | null {
  for (let i = upTo - 1; i >= 0; i--) {
    const value = events[i]!.event[field];
    if (value !== null) return value;
  }
  return null;
}

/** §2, the table of anomalies; `earlier` are the statuses of the cart_status events before this one, in order. */
function anomalyOf(e: CartEvent, earlier: string[]): Anomaly | null {
  const status = e.status ?? '';
  const wasTerminal = earlier.some((s) => TERMINAL.includes(s));
  const wasFinished = earlier.includes('finished');
  if (wasTerminal || (wasFinished && status !== 'with_review' && status !== 'finished_without_review')) {
    return 'after_terminal';
  }
  if (e.mode === 'delivery' && status === 'ready_for_pickup') return 'wrong_mode';
  if (['pickup', 'kiosk', 'curbside'].includes(e.mode ?? '') && status.startsWith('delivery_')) return 'wrong_mode';
  const lastPlaced = earlier.filter((s) => Object.hasOwn(PLACE, s)).at(-1);
  if (lastPlaced !== undefined && Object.hasOwn(PLACE, status) && PLACE[status]! < PLACE[lastPlaced]!)
    return 'backward';
  return null;
}

/** T of the last activity, in order. */
const lastOf = (activities: Arrived[]): number => activities.at(-1)!.event.occurred_at;

/** §3, the walk, with the clock for rule 6. */
function walk(events: Arrived[], clock: number): Abandonment[] {
  const found: Abandonment[] = [];
  let open: { members: Arrived[]; deadline: number } | null = null;
  let rests = false;
  for (const [i, arrived] of events.entries()) {
    const e = arrived.event;
    if (open !== null && e.occurred_at > open.deadline) {
      const { deadline, members } = open;
      found.push({ at: deadline, source: 'timer', members, lastActivity: lastOf(members), upTo: i });
      open = null;
      rests = true;
    }
    if (isActivity(e)) {
      const members: Arrived[] = open === null ? [] : open.members;
      open = { members: [...members, arrived], deadline: e.occurred_at + e.abandonment_window_ms };
      rests = false;
    } else if (isEmptying(e)) {
      open = null;
    } else if (isOwn(e)) {
      if (!rests) {
        const lastActivity = open === null ? null : lastOf(open.members);
        found.push({ at: e.occurred_at, source: 'jane', members: [], lastActivity, upTo: i + 1 });
        open = null;
        rests = true;
      }
    } else {
      return found;
    }
  }
  if (open !== null && open.deadline < clock) {
    const { deadline, members } = open;
    found.push({ at: deadline, source: 'timer', members, lastActivity: lastOf(members), upTo: events.length });
  }
  return found;
}

/** Every status had: T of the latest change to it, and of the latest change away from it. */
function statusesOf(changes: Undated[]): CartSnapshot['statuses'] {
  return changes
    .filter((change, i) => !changes.slice(i + 1).some((later) => later.status === change.status))
    .map(({ status, occurred_at }) => {
      const away = changes.filter(({ previous_status }) => previous_status === status).at(-1)?.occurred_at ?? null;
      return { status, began_at: occurred_at, left_at: changes.at(-1)!.status === status ? null : away };
    });
}

const identity = (t: Undated): string => `${t.trait}|${t.status}|${t.occurred_at}`;

/** The last arrival among the episode's events + its grace. */
function settledAt(a: Abandonment): number {
  let last = a.members[0]!;
  for (const m of a.members) if (m.turn > last.turn) last = m;
  return last.arrival + last.event.grace_ms;
}

/** One cart, as the text has it. Times are Unix milliseconds. */
export class Oracle {
  private arrived: Arrived[] = [];
  private concluded = new Set<number>();
  private detected = new Map<string, number>();
  /** What each trait event has taken the place of; of abandonments also what those that do not count yet will take. */
  private replaced = new Map<string, number>();
  private beyond = false;
  private lastArrival = -Infinity;
  private clock = -Infinity;
  /** What earlier lives left standing. */
  private legacy = new Map<string, OracleTrait>();

  constructor(
    private readonly horizonMs = Infinity,
    private readonly eventLimit = 2000,
  ) {}

  /** Advances log time. */
  tick(logTime: number): void {
    this.clock = Math.max(this.clock, logTime);
    this.settle();
  }

  deliver(event: CartEvent, logTime: number): 'event' | 'repeat' | 'overfull' {
    this.tick(logTime);
    if (this.arrived.length > 0 && this.clock > this.forgetAt()) this.forget();
    if (this.arrived.some((first) => repeats(event, first.event))) return 'repeat';
    if (this.arrived.length >= this.eventLimit) return 'overfull';
    const changesBefore = this.changes();
    const before = walk(this.arrived, Infinity);
    this.arrived.push({ event, arrival: this.clock, turn: this.arrived.length });
    this.arrived.sort((a, b) => compare(a.event, b.event));
    this.lastArrival = this.clock;
    this.replaceChanges(changesBefore);
    this.replaceAbandonments(before);
    this.settle();
    return 'event';
  }

  /** What counts now: what lives before the horizon left, then changes in order, then abandonments by T. */
  traits(): OracleTrait[] {
    return [...this.legacy.values(), ...this.ofThisLife()];
  }

  /** When the next conclusion that needs no further event is due: once log time is past it. */
  nextDue(): number {
    const coming = walk(this.arrived, Infinity).filter((a) => a.source === 'timer' && !this.concluded.has(a.at));
    return Math.min(Infinity, ...coming.map((a) => Math.max(a.at, settledAt(a))));
  }

  /** The current state of the cart (the schema describes the fields). */
  snapshot(): CartSnapshot {
    const all = this.arrived.length;
    const changes = this.changes();
    const abandoned = this.abandonments().at(-1);
    const timed = walk(this.arrived, Infinity).at(-1);
    const lastOpen = timed?.source === 'timer' && timed.upTo === all ? timed : undefined;
    return {
      status: changes.at(-1)?.status ?? null,
      status_since: changes.at(-1)?.occurred_at ?? null,
      store_id: latest(this.arrived, all, 'store_id'),
      mode: latest(this.arrived, all, 'mode'),
      amount: latest(this.arrived, all, 'amount'),
      created_at: latest(this.arrived, all, 'cart_created_at') ?? this.arrived[0]!.event.occurred_at,
      last_activity_at: this.arrived.filter(({ event }) => isActivity(event)).at(-1)?.event.occurred_at ?? null,
      due_at: lastOpen !== undefined && !this.concluded.has(lastOpen.at) ? lastOpen.at : null,
      abandoned_at: abandoned?.occurred_at ?? null,
      recovered_at: abandoned?.recovered_at ?? null,
      reservation_start_at: latest(this.arrived, all, 'reservation_start_at'),
      products: latest(this.arrived, all, 'products'),
      store_name: latest(this.arrived, all, 'store_name'),
      last_event_at: Math.max(...this.arrived.map(({ event }) => event.occurred_at)),
      first_status_at: changes[0]?.occurred_at ?? null,
      statuses: statusesOf(changes),
    };
  }

  /** Log time. */
  get now(): number {
    return this.clock;
  }

  get isEmpty(): boolean {
    return this.arrived.length === 0;
  }

  /** When the cart is forgotten: once log time is past it. */
  forgetAt(): number {
    return this.lastArrival + this.horizonMs;
  }

  private ofThisLife(): OracleTrait[] {
    return this.undated().map((t) => ({
      ...t,
      detected_at: this.detected.get(identity(t))!,
      replaces: this.replaced.get(identity(t)) ?? null,
    }));
  }

  /** A change that is new takes the place of one of its status that is gone. */
  private replaceChanges(before: Undated[]): void {
    const after = this.changes();
    const has = (all: Undated[], one: Undated): boolean => all.some((t) => identity(t) === identity(one));
    const gone = before.filter((t) => !has(after, t));
    for (const t of gone) this.replaced.delete(identity(t));
    for (const t of after.filter((one) => !has(before, one))) {
      const left = gone.filter((one) => one.status === t.status);
      if (left.length > 1) throw new Error('one event has displaced two changes of a status');
      if (left.length === 1) this.replaced.set(identity(t), left[0]!.occurred_at);
    }
  }

  /** docs/adr/cart-state.md, "replaces of abandonments", before anything is concluded of what is there now. */
  private replaceAbandonments(before: Abandonment[]): void {
    const after = walk(this.arrived, Infinity);
    const has = (all: Abandonment[], at: number): boolean => all.some((a) => a.at === at);
    const id = (at: number): string => `cart_abandoned||${at}`;
    const counts = (at: number): boolean => this.concluded.has(at);
    const left = before.filter((a) => !has(after, a.at));
    // Each by the place that it leaves and the trait event whose place that is.
    const places = left
      .map(({ at }) => ({ at, named: counts(at) ? at : this.replaced.get(id(at)) }))
      .filter((place) => place.named !== undefined);
    for (const { at } of left) this.replaced.delete(id(at));
    const waiting = after.filter((a) => !(has(before, a.at) && counts(a.at)));
    for (const { at } of waiting) if (has(after, this.replaced.get(id(at)) ?? NaN)) this.replaced.delete(id(at));
    const covers = (a: Abandonment, at: number): boolean =>
      a.members.length > 0 && a.members[0]!.event.occurred_at <= at && at <= a.at;
    const heirs = places.map(({ at, named }) => {
      const able = waiting.filter((a) => a.at !== named && (!has(before, a.at) || covers(a, at)));
      return able.sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at) || a.at - b.at)[0];
    });
    for (const heir of waiting) {
      if (this.replaced.has(id(heir.at))) continue;
      const own = places.filter((_, i) => heirs[i] === heir);
      own.sort((a, b) => Math.abs(a.at - heir.at) - Math.abs(b.at - heir.at) || a.at - b.at);
      if (own.length > 0) this.replaced.set(id(heir.at), own[0]!.named!);
    }
  }

  private forget(): void {
    for (const t of this.ofThisLife()) this.legacy.set(identity(t), t);
    this.arrived = [];
    this.concluded.clear();
    this.detected.clear();
    this.replaced.clear();
    this.beyond = true;
  }

  /** Concludes what is due, drops what the walk no longer yields, dates what is new. */
  private settle(): void {
    const yielded = walk(this.arrived, this.clock);
    this.concluded = new Set([...this.concluded].filter((at) => yielded.some((a) => a.at === at)));
    for (const a of yielded) if (a.source === 'jane' || this.isDue(a)) this.concluded.add(a.at);
    const now = new Map<string, number>();
    for (const t of this.undated()) now.set(identity(t), this.detected.get(identity(t)) ?? this.clock);
    this.detected = now;
    // A life retracts only what it has emitted itself.
    for (const id of now.keys()) this.legacy.delete(id);
  }

  /** A cart that is forgotten concludes nothing: what was not due by then never is. */
  private isDue(a: Abandonment): boolean {
    const clock = Math.min(this.clock, this.forgetAt());
    return clock > a.at && clock > settledAt(a);
  }

  private undated(): Undated[] {
    return [...this.changes(), ...this.abandonments()];
  }

  private changes(): Undated[] {
    const found: Undated[] = [];
    const earlier: string[] = [];
    for (const [i, { event }] of this.arrived.entries()) {
      if (event.kind !== 'cart_status') continue;
      const status = event.status ?? '';
      const previous = earlier.at(-1) ?? null;
      if (status !== previous) {
        found.push({
          trait: 'cart_status_updated',
          status,
          occurred_at: event.occurred_at,
          recovered_at: null,
          last_activity_at: null,
          source: null,
          previous_status: previous,
          reentered: earlier.includes(status),
          anomaly: anomalyOf(event, earlier),
          ...this.values(i + 1),
        });
      }
      earlier.push(status);
    }
    return found;
  }

  private abandonments(): Undated[] {
    return walk(this.arrived, this.clock)
      .filter((a) => this.concluded.has(a.at))
      .map((a) => ({
        trait: 'cart_abandoned',
        status: '',
        occurred_at: a.at,
        recovered_at: this.recovery(a),
        last_activity_at: a.lastActivity,
        source: a.source,
        previous_status: null,
        reentered: false,
        anomaly: null,
        ...this.values(a.upTo),
      }));
  }

  private recovery(a: Abandonment): number | null {
    const after = this.arrived.slice(a.upTo);
    const saves = after.find(
      ({ event }) =>
        event.kind === 'cart_status' && !['pending', 'cancelled', 'dismissed'].includes(event.status ?? ''),
    );
    return saves === undefined ? null : saves.event.occurred_at;
  }

  private values(upTo: number): Pick<OracleTrait, 'store_id' | 'mode' | 'amount' | 'products' | 'beyond_horizon'> {
    return {
      store_id: latest(this.arrived, upTo, 'store_id'),
      mode: latest(this.arrived, upTo, 'mode'),
      amount: latest(this.arrived, upTo, 'amount'),
      products: latest(this.arrived, upTo, 'products'),
      beyond_horizon: this.beyond,
    };
  }
}
