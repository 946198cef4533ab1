import type { CartEventKind } from '../../schemas/types.ts';

/** What a workspace stamps on each delivery at receipt. */
export interface ReceiptSettings {
  abandonmentWindowMs: number;
  graceMs: number;
  retryHorizonMs: number;
  /** ISO 3166 code of two letters: how phones without a country are read. */
  defaultCountry: string;
}

/** What a delivery can say; a tick is the runtime's own. */
export type DeliveryKind = Exclude<CartEventKind, 'tick'>;

/** Everything outside of a webhook's body that decides what it means. */
export interface WebhookContext {
  workspace: string;
  subscriptionId: string;
  /** The event that the subscription is declared for. */
  kind: DeliveryKind;
  /** The stores that the subscription covers; null or empty: all. */
  storeIds: readonly string[] | null;
  /** IANA name: how times without a zone are read. */
  timeZone: string;
  settings: ReceiptSettings;
  /** The request timestamp, Unix ms; null where there was none. */
  requestAtMs: number | null;
  /** Receipt, Unix ms. */
  receivedAtMs: number;
}

/** Everything outside of a line that decides what it means. */
export interface LineContext {
  workspace: string;
  settings: ReceiptSettings;
  /** Receipt, Unix ms. */
  receivedAtMs: number;
}
