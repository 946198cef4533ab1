import type { CartPlan, Face, Step, WebhookEvent } from './story.ts';
import type { Shopper } from './world.ts';

/**
 * The expected result of a day at rest, derived from the plans of the carts and not from the webhooks, for a workspace
 * with default settings.
 */
export interface Expected {
  /** Carts with at least one delivery. */
  carts: number;
  /** Those without any identifier. */
  anonymousCarts: number;
  /** People with an identifier. */
  people: number;
  /** Deliveries. */
  webhooks: number;
  /** Deliveries that repeat another. */
  repeats: number;
  /** Events: deliveries that are not repeats. */
  events: Record<WebhookEvent, number>;
  /** Trait events `cart_status_updated` by status. */
  changes: Record<string, number>;
  /** Trait events `cart_abandoned`. */
  abandonments: number;
  /** Carts with a deadline still to come. */
  open: number;
}

const WINDOW_MS = 30 * 60_000;

interface Walk {
  abandonments: number;
  open: boolean;
}

/** The abandonments of a cart: a separate, plain reading of the rule, for steps that are in order. */
function walk(steps: readonly Step[], endsAtMs: number): Walk {
  let abandonments = 0;
  let lastMs: number | null = null;
  let rests = false;
  for (const step of steps) {
    if (lastMs !== null && step.atMs > lastMs + WINDOW_MS) {
      abandonments += 1;
      lastMs = null;
      rests = true;
    }
    if (step.event === 'cart_abandoned') {
      if (!rests) abandonments += 1;
      lastMs = null;
      rests = true;
    } else if (step.status !== 'pending') {
      return { abandonments, open: false };
    } else if (step.products?.length === 0) {
      lastMs = null;
    } else {
      lastMs = step.atMs;
      rests = false;
    }
  }
  if (lastMs === null) return { abandonments, open: false };
  const due = lastMs + WINDOW_MS <= endsAtMs;
  return { abandonments: abandonments + (due ? 1 : 0), open: !due };
}

function countChanges(steps: readonly Step[], changes: Record<string, number>): void {
  let previous: string | null = null;
  for (const step of steps) {
    if (step.event !== 'cart_status' || step.status === previous) continue;
    changes[step.status] = (changes[step.status] ?? 0) + 1;
    previous = step.status;
  }
}

type Kind = 'phone' | 'email' | 'user' | 'external';

function shownBy(face: Face, shopper: Shopper): Kind[] {
  const known = (kind: Kind): boolean =>
    kind === 'user' ? shopper.userId !== null : kind === 'external' ? shopper.externalId !== null : true;
  const shown: Record<Face, Kind[]> = {
    none: [],
    phone: ['phone'],
    email: ['email'],
    both: ['phone', 'email', 'external'],
    account: ['user', 'external'],
  };
  return shown[face].filter(known);
}

/** Number of separate groups of identifier kinds that one customer's carts connect. */
function groups(carts: readonly ReadonlySet<Kind>[]): number {
  const group = new Map<Kind, Set<Kind>>();
  for (const shown of carts) {
    const joined = new Set<Kind>(shown);
    for (const kind of shown) for (const other of group.get(kind) ?? []) joined.add(other);
    for (const kind of joined) group.set(kind, joined);
  }
  return new Set(group.values()).size;
}

/** Counts only what was delivered by `endsAtMs`. */
export function expectedOf(plans: readonly CartPlan[], endsAtMs: number): Expected {
  const expected: Expected = {
    carts: 0,
    anonymousCarts: 0,
    people: 0,
    webhooks: 0,
    repeats: 0,
    events: { cart_status: 0, cart_activity: 0, cart_abandoned: 0 },
    changes: {},
    abandonments: 0,
    open: 0,
  };
  const shownOf = new Map<Shopper, Set<Kind>[]>();
  for (const plan of plans) {
    const steps = plan.steps.filter((step) => step.atMs + step.delayMs <= endsAtMs);
    if (steps.length === 0) continue;
    expected.carts += 1;
    for (const step of steps) {
      const firstMs = step.atMs + step.delayMs;
      const repeats = step.repeatsAfterMs.filter((afterMs) => firstMs + afterMs <= endsAtMs).length;
      expected.events[step.event] += 1;
      expected.repeats += repeats;
      expected.webhooks += 1 + repeats;
    }
    countChanges(steps, expected.changes);
    const walked = walk(steps, endsAtMs);
    expected.abandonments += walked.abandonments;
    expected.open += walked.open ? 1 : 0;
    const shown = new Set(steps.flatMap((step) => shownBy(step.face, plan.shopper)));
    if (shown.size === 0) expected.anonymousCarts += 1;
    else shownOf.set(plan.shopper, [...(shownOf.get(plan.shopper) ?? []), shown]);
  }
  for (const carts of shownOf.values()) expected.people += groups(carts);
  return expected;
}
