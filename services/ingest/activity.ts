import type { Subscription } from '../../lib/definitions/index.ts';

/** Recent activity of a subscription. Times are Unix milliseconds. */
export interface SubscriptionActivity {
  subscription_id: string;
  workspace: string;
  /** Authenticated webhooks, usable or not. */
  received: number;
  /** When the last of them was received. */
  last_received_at: number | null;
  /** By reason: not authenticated (wrong_token, wrong_signature, stale_timestamp) or not usable (as their dead letters). */
  refused: Record<string, number>;
}

/** Sums the counts of several processes, or of one before and after a restart, by subscription. */
export function sumActivity(parts: Iterable<SubscriptionActivity>): SubscriptionActivity[] {
  const sums = new Map<string, SubscriptionActivity>();
  for (const part of parts) {
    const sum = sums.get(part.subscription_id);
    if (sum === undefined) {
      sums.set(part.subscription_id, { ...part, refused: { ...part.refused } });
      continue;
    }
    sum.received += part.received;
    if (part.last_received_at !== null)
      sum.last_received_at = Math.max(sum.last_received_at ?? part.last_received_at, part.last_received_at);
    for (const [reason, count] of Object.entries(part.refused))
      sum.refused[reason] = (sum.refused[reason] ?? 0) + count;
  }
  return [...sums.values()];
}

/** Counts what this process receives, and keeps track of what has changed since the last `takeChanged`. */
export class Activity {
  private readonly bySubscription = new Map<string, SubscriptionActivity>();
  private changed = new Set<SubscriptionActivity>();

  received(subscription: Subscription, atMs: number): void {
    const activity = this.of(subscription);
    activity.received++;
    activity.last_received_at = Math.max(activity.last_received_at ?? atMs, atMs);
  }

  refused(subscription: Subscription, reason: string): void {
    const { refused } = this.of(subscription);
    refused[reason] = (refused[reason] ?? 0) + 1;
  }

  all(): SubscriptionActivity[] {
    return [...this.bySubscription.values()];
  }

  takeChanged(): SubscriptionActivity[] {
    const changed = [...this.changed];
    this.changed = new Set();
    return changed;
  }

  private of(subscription: Subscription): SubscriptionActivity {
    let activity = this.bySubscription.get(subscription.id);
    if (activity === undefined) {
      activity = {
        subscription_id: subscription.id,
        workspace: subscription.workspace,
        received: 0,
        last_received_at: null,
        refused: {},
      };
      this.bySubscription.set(subscription.id, activity);
    }
    this.changed.add(activity);
    return activity;
  }
}
