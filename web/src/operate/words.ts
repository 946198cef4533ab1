import type { DeadLetter, SubscriptionEvent, Verify } from '../data/api.ts';

export const EVENT_WORDS: Record<SubscriptionEvent, { title: string; text: string }> = {
  cart_status: {
    title: 'Order status',
    text: 'Every status of an order, from pending to finished. Both traits need it.',
  },
  cart_activity: {
    title: 'Cart activity',
    text: 'Carts before checkout, with their products. Makes abandonment exact for customers who never check out.',
  },
  cart_abandoned: {
    title: 'Cart abandoned',
    text: 'Jane reports that a cart was abandoned. Each webhook is about one cart.',
  },
};

export const VERIFY_WORDS: Record<Verify, string> = {
  both: 'Signature and token',
  signature: 'Signature only',
  token: 'Token only',
};

export type LetterSource = DeadLetter['source'];

export const SOURCE_WORDS: Record<LetterSource, string> = {
  webhook: 'Webhook',
  events: 'Import of events',
  people: 'Import of people',
  flows: 'Flows',
};

/** Where a dead letter came from; for a line of an import with its number. */
export const sourceOf = ({ source, line }: Pick<DeadLetter, 'source' | 'line'>): string =>
  line === null ? SOURCE_WORDS[source] : `${SOURCE_WORDS[source]}, line ${line}`;

const REASONS: Record<string, string> = {
  stale_timestamp: 'timestamp too old or too far ahead',
  not_json: 'not JSON',
};

/** A reason code in snake case as words. */
export const reasonWords = (reason: string): string => REASONS[reason] ?? reason.replaceAll('_', ' ');
