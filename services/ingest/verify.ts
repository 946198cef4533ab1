import { randomBytes } from 'node:crypto';
import type { Definitions, Subscription } from '../../lib/definitions/index.ts';
import { hashOf } from '../../lib/definitions/index.ts';
import { signatureMatches } from '../../lib/jane/signature.ts';
import { readRequestTimestamp } from '../../lib/jane/times.ts';

/** What a webhook presents. */
export interface Presented {
  subscriptionId: string;
  /** Of `Authorization: Bearer …`. */
  token: string | undefined;
  /** X-Jane-Signature. */
  signature: string | undefined;
  /** X-Jane-Request-Timestamp, as it came. */
  timestamp: string | undefined;
  body: Buffer;
  receivedAtMs: number;
}

/** Why a webhook was not believed: for the subscription's owner, never for the sender. */
export type RefusalReason = 'unknown_subscription' | 'wrong_token' | 'wrong_signature' | 'stale_timestamp';

export type Verdict =
  | { subscription: Subscription; requestAtMs: number | null }
  | { refused: RefusalReason; subscription: Subscription | undefined };

/** Stands in for a subscription that is not there, so that the same work is done for it. */
const nobody = (() => {
  const hash = hashOf(randomBytes(32).toString('hex'));
  const secret = randomBytes(32).toString('hex');
  return {
    verify: 'both' as const,
    acceptsToken: (presented: string) => hashOf(presented) === hash,
    signingSecrets: () => [secret],
  };
})();

/** Checks all that is asked for, whatever fails first. */
function judge(subscription: Subscription | undefined, presented: Presented, toleranceMs: number): Verdict {
  const { token = '', signature = '', timestamp, body, receivedAtMs } = presented;
  const { verify, acceptsToken, signingSecrets } = subscription ?? nobody;
  const tokenMatches = acceptsToken(token, receivedAtMs);
  let signed = false;
  for (const secret of signingSecrets(receivedAtMs))
    if (signatureMatches(signature, secret, timestamp ?? '', body)) signed = true;
  const requestAtMs = timestamp === undefined ? null : readRequestTimestamp(timestamp);
  // Who asks for the token alone may be sent no timestamp; one that is there has to be right all the same.
  const timely =
    requestAtMs === null
      ? verify === 'token' && timestamp === undefined
      : Math.abs(requestAtMs - receivedAtMs) <= toleranceMs;
  if (subscription === undefined) return { refused: 'unknown_subscription', subscription };
  if (verify !== 'signature' && !tokenMatches) return { refused: 'wrong_token', subscription };
  if (verify !== 'token' && !signed) return { refused: 'wrong_signature', subscription };
  if (!timely) return { refused: 'stale_timestamp', subscription };
  return { subscription, requestAtMs };
}

/**
 * Whether a webhook is to be believed. Before it says no it reads the definitions to their end: what was
 * made or rotated a moment ago works at once, and every refusal takes equally long.
 */
export async function verifyWebhook(
  definitions: Pick<Definitions, 'subscription' | 'fresh'>,
  presented: Presented,
  toleranceMs: number,
): Promise<Verdict> {
  const first = judge(definitions.subscription(presented.subscriptionId), presented, toleranceMs);
  if (!('refused' in first)) return first;
  await definitions.fresh();
  return judge(definitions.subscription(presented.subscriptionId), presented, toleranceMs);
}
