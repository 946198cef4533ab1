import { randomBytes } from 'node:crypto';
import type { Definitions, Subscription } from '../../lib/definitions/index.ts';
import { hashOf } from '../../lib/definitions/index.ts';
import { signatureMatches } from '../../lib/jane/signature.ts';
import { readRequestTimestamp } from '../../lib/time/index.ts';

/** The signature cannot be checked, because the secret was encrypted with another secret key. */
export class UnreadableSecretError extends Error {
  override readonly name = 'UnreadableSecretError';
}

/** The credentials of a webhook. */
export interface Presented {
  subscriptionId: string;
  /** The token of `Authorization: Bearer …`. */
  token: string | undefined;
  /** The subscription that accepted this token when the headers had arrived, if one did: it is not hashed twice. */
  acceptedBy?: Subscription | undefined;
  /** X-Jane-Signature. */
  signature: string | undefined;
  /** X-Jane-Request-Timestamp, as it came. */
  timestamp: string | undefined;
  body: Buffer;
  receivedAtMs: number;
}

/** Why a webhook was not authenticated: shown to the subscription's owner, never to the sender. */
export type RefusalReason = 'unknown_subscription' | 'wrong_token' | 'wrong_signature' | 'stale_timestamp';

export type Verdict =
  | { subscription: Subscription; requestAtMs: number | null }
  | { refused: RefusalReason; subscription: Subscription | undefined };

/** Everything else is right, but the signature cannot be checked: the signing secret cannot be decrypted. */
const UNREADABLE = Symbol('the signing secret cannot be read');

/** Stands in for a subscription that does not exist, so that refusing it takes the same work. */
const nobody = (() => {
  const hash = hashOf(randomBytes(32).toString('hex'));
  const secret = randomBytes(32).toString('hex');
  return {
    verify: 'both' as const,
    acceptsToken: (presented: string) => hashOf(presented) === hash,
    signingSecrets: () => [secret],
    hasUnreadableSecrets: () => false,
  };
})();

/** Makes all checks, even if the first one fails. */
function judge(
  subscription: Subscription | undefined,
  presented: Presented,
  toleranceMs: number,
): Verdict | typeof UNREADABLE {
  const { token = '', signature = '', timestamp, body, receivedAtMs } = presented;
  const { verify, acceptsToken, signingSecrets, hasUnreadableSecrets } = subscription ?? nobody;
  const tokenMatches =
    (subscription !== undefined && presented.acceptedBy === subscription) || acceptsToken(token, receivedAtMs);
  let signed = false;
  for (const secret of signingSecrets(receivedAtMs))
    if (signatureMatches(signature, secret, timestamp ?? '', body)) signed = true;
  const requestAtMs = timestamp === undefined ? null : readRequestTimestamp(timestamp);
  // Only a subscription that verifies the token alone may receive no timestamp; a given one is always checked.
  const timely =
    requestAtMs === null
      ? verify === 'token' && timestamp === undefined
      : Math.abs(requestAtMs - receivedAtMs) <= toleranceMs;
  if (subscription === undefined) return { refused: 'unknown_subscription', subscription };
  if (verify !== 'signature' && !tokenMatches) return { refused: 'wrong_token', subscription };
  if (verify !== 'token' && !signed && timely && hasUnreadableSecrets(receivedAtMs)) return UNREADABLE;
  if (verify !== 'token' && !signed) return { refused: 'wrong_signature', subscription };
  if (!timely) return { refused: 'stale_timestamp', subscription };
  return { subscription, requestAtMs };
}

/**
 * Authenticates a webhook. Before it refuses, it reads the definitions to the end: a subscription that was created or
 * rotated a moment ago works at once, and all refusals take the same time. Throws UnreadableSecretError if only the
 * signature is undecided because its secret cannot be decrypted: a 401 would make Jane stop retrying the webhook.
 */
export async function verifyWebhook(
  definitions: Pick<Definitions, 'subscription' | 'fresh'>,
  presented: Presented,
  toleranceMs: number,
): Promise<Verdict> {
  const first = judge(definitions.subscription(presented.subscriptionId), presented, toleranceMs);
  if (first !== UNREADABLE && !('refused' in first)) return first;
  await definitions.fresh();
  const second = judge(definitions.subscription(presented.subscriptionId), presented, toleranceMs);
  if (second !== UNREADABLE) return second;
  throw new UnreadableSecretError('the signing secret of a subscription cannot be decrypted');
}
