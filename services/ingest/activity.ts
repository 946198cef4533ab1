import type { Subscription } from '../../lib/definitions/index.ts';

/** What came for a subscription since this process started. Times are Unix milliseconds. */
export interface SubscriptionActivity {
  subscription_id: string;
  workspace: string;
  /** Webhooks that were believed, usable or not. */
  received: number;
  last_received_at: number | null;
  /** By reason: not believed (wrong_token, wrong_signature, stale_timestamp) or not usable (dead letters). */
  refused: Record<string, number>;
}

/** Counts in memory what came for each subscription. */
export class Activity {
  private readonly bySubscription = new Map<string, SubscriptionActivity>();

  received(subscription: Subscription, atMs: number): void {
    const activity = this.of(subscription);
    activity.received++;
    activity.last_received_at = Math.max(activity.last_received_at ?? 0, atMs);
  }

  refused(subscription: Subscription, reason: string): void {
    const { refused } = this.of(subscription);
    refused[reason] = (refused[reason] ?? 0) + 1;
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
    return activity;
  }
}
