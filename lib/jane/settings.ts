import type { CartEventKind } from '../../schemas/types.ts';

/** The settings of a workspace that are stamped on each delivery at receipt. */
export interface ReceiptSettings {
  abandonmentWindowMs: number;
  graceMs: number;
  retryHorizonMs: number;
  /** ISO 3166 code of two letters: how phones without a country are read. */
  defaultCountry: string;
}

/** The part of a workspace that holds them. */
interface StampingWorkspace {
  abandonment_window_minutes: number;
  grace_seconds: number;
  retry_horizon_minutes: number;
  default_country: string;
}

const known = new WeakMap<StampingWorkspace, ReceiptSettings>();

/** The current settings of a workspace. The same workspace gives the same object. */
export function settingsOf(workspace: StampingWorkspace): ReceiptSettings {
  let settings = known.get(workspace);
  if (settings === undefined) {
    settings = {
      abandonmentWindowMs: workspace.abandonment_window_minutes * 60_000,
      graceMs: workspace.grace_seconds * 1000,
      retryHorizonMs: workspace.retry_horizon_minutes * 60_000,
      defaultCountry: workspace.default_country,
    };
    known.set(workspace, settings);
  }
  return settings;
}

/** The kinds of deliveries; a tick is written by the runtime only. */
export type DeliveryKind = Exclude<CartEventKind, 'tick'>;

/** Everything outside a webhook's body that its meaning depends on. */
export interface WebhookContext {
  workspace: string;
  subscriptionId: string;
  /** The event that the subscription is declared for. */
  kind: DeliveryKind;
  /** The stores that the subscription covers; null or empty: all. */
  storeIds: readonly string[] | null;
  /** IANA name: the zone of times without an offset. */
  timeZone: string;
  settings: ReceiptSettings;
  /** The request timestamp, Unix ms; null if there was none. */
  requestAtMs: number | null;
  /** Receipt, Unix ms. */
  receivedAtMs: number;
}

/** Everything outside a line that its meaning depends on. */
export interface LineContext {
  workspace: string;
  settings: ReceiptSettings;
  /** Receipt, Unix ms. */
  receivedAtMs: number;
}
