import type { MessageContent } from '../../lib/templates/index.ts';

/** A message as a provider gets it. */
export interface OutgoingMessage {
  /** 32 hex digits, the same at every attempt: the idempotency key. */
  requestId: string;
  /** The phone number or email address; null for a webhook. */
  address: string | null;
  content: MessageContent;
  /** Where a webhook goes, and with which headers; null for other channels. */
  target: WebhookTarget | null;
}

export interface WebhookTarget {
  url: string;
  headers: Readonly<Record<string, string>>;
}

/**
 * How one call of a provider ended.
 *
 * - sent: the provider has accepted the message.
 * - not_sent: certainly nothing has left (refused connection, DNS, 429, SMTP 4xx). The call is repeated, not before
 *   `retryAfterMs` if the provider has asked for that.
 * - refused: the provider will never accept it. `suppresses`: it will accept nothing for this address.
 * - unknown: it may have been sent (5xx or a broken connection after the body was sent).
 */
export type CallResult =
  | { readonly name: 'sent' }
  | { readonly name: 'not_sent'; readonly reason: string; readonly retryAfterMs?: number }
  | { readonly name: 'refused'; readonly reason: string; readonly suppresses: boolean }
  | { readonly name: 'unknown'; readonly reason: string };

/** A provider of a workspace's channel, with its settings. */
export interface Provider {
  /**
   * Hands a message to the provider, once. Resolves within a minute; rejects only if it is unknown whether the message
   * was sent. The call continues when `signal` is aborted, unless it can be ended with a certain result.
   */
  send(message: OutgoingMessage, signal: AbortSignal): Promise<CallResult>;
}

/** What delivery knows of a channel of a workspace. */
export interface Channel {
  provider: Provider;
  /** Calls per second; null: no limit. */
  ratePerSecond: number | null;
  /** Whether a call with an unknown result is repeated, with the same request id. */
  retriesUnknown: boolean;
}

/** The provider `test`: messages are kept with their outcomes and shown by the API, and nothing leaves. */
export const TEST_PROVIDER: Provider = { send: () => Promise.resolve({ name: 'sent' }) };
