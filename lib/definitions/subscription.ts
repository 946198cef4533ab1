import type { Folded, Subscription } from './entities.ts';
import { hashBytes, matchesHash, tryUnseal } from './secrets.ts';

export interface SecretsOptions {
  /** 32 bytes; without it the signing secrets cannot be read. */
  secretKey?: Buffer;
  logger: { warn(fields: object, message: string): void };
}

interface OpenedSecret {
  /** Undefined when it was sealed with another secret key than this installation has now. */
  secret: string | undefined;
  validUntilMs: number;
}

/** A subscription with its methods. Signing secrets are opened at the first use, once. */
export function withSecrets(folded: Folded<'subscription'>, { secretKey, logger }: SecretsOptions): Subscription {
  let all: OpenedSecret[] | undefined;
  const open = (): OpenedSecret[] => {
    const opened = folded.secrets.map(({ sealed, valid_until }) => ({
      secret: secretKey && tryUnseal(secretKey, sealed, folded.id),
      validUntilMs: valid_until ?? Infinity,
    }));
    const unreadable = opened.filter(({ secret }) => secret === undefined).length;
    if (unreadable > 0) {
      const fields = { subscription: folded.id, unreadable };
      logger.warn(
        fields,
        'cannot read signing secrets with this secret key: restore the old key, or rotate the secrets',
      );
    }
    return opened;
  };
  const validAt = (nowMs: number): OpenedSecret[] =>
    (all ??= open()).filter(({ validUntilMs }) => validUntilMs > nowMs);
  const tokens = folded.tokens.map(({ hash, valid_until }) => ({
    hash: hashBytes(hash),
    validUntilMs: valid_until ?? Infinity,
  }));
  return {
    ...folded,
    acceptsToken: (presented, nowMs) =>
      tokens.reduce(
        (found, { hash, validUntilMs }) => (matchesHash(presented, hash) && validUntilMs > nowMs ? true : found),
        false,
      ),
    signingSecrets: (nowMs) => validAt(nowMs).flatMap(({ secret }) => secret ?? []),
    hasUnreadableSecrets: (nowMs) => validAt(nowMs).some(({ secret }) => secret === undefined),
  };
}
