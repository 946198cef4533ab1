import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Subscription, Verify } from '../../lib/definitions/index.ts';
import { problemFor } from '../../lib/http/index.ts';
import { INGEST_ERRORS } from './errors.ts';
import { UnreadableSecretError, verifyWebhook, type Verdict } from './verify.ts';

const NOW_MS = Date.parse('2026-03-17T12:00:00Z');
const TIMESTAMP = '2026-03-17T12:00:00Z';
const body = Buffer.from('{}');

/** What is asked for is right; the secret that signed it cannot be opened. */
function ask(verify: Verify, change: { token?: string; timestamp?: string } = {}, freshSecrets: string[] = []) {
  const state = { secrets: [] as string[] };
  const subscription = {
    verify,
    acceptsToken: (token: string) => token === 'right',
    signingSecrets: () => state.secrets,
    hasUnreadableSecrets: () => state.secrets.length === 0,
  } as unknown as Subscription;
  const definitions = {
    subscription: () => subscription,
    fresh: () => {
      state.secrets = freshSecrets;
      return Promise.resolve();
    },
  };
  const timestamp = change.timestamp ?? TIMESTAMP;
  const signature = createHmac('sha256', 'secret').update(`${timestamp}.${body.toString()}`).digest('hex');
  const presented = { subscriptionId: 's', token: change.token ?? 'right', signature, timestamp, body };
  return verifyWebhook(definitions, { ...presented, receivedAtMs: NOW_MS }, 300_000);
}

describe('a signing secret that cannot be read', () => {
  it('is answered with 503, so that Jane retries the webhook', async () => {
    const logger = { error: () => expect.unreachable(), warn: () => expect.unreachable() };
    for (const verify of ['both', 'signature'] as const) {
      const error = await ask(verify).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(UnreadableSecretError);
      const { status, headers } = problemFor(error, { logger, errors: INGEST_ERRORS }, {});
      expect({ status, headers }).toEqual({ status: 503, headers: { 'retry-after': '60' } });
    }
  });

  it('does not matter for a webhook that is refused for another reason', async () => {
    expect(await ask('both', { token: 'wrong' })).toMatchObject({ refused: 'wrong_token' });
    expect(await ask('signature', { timestamp: '2026-03-17T11:00:00Z' })).toMatchObject({ refused: 'wrong_signature' });
  });

  it('does not matter where the token alone is asked for', async () => {
    expect(await ask('token')).toMatchObject({ requestAtMs: NOW_MS });
  });

  it('is over with a rotation that was made a moment ago: what was signed with the old one is refused', async () => {
    expect(await ask('both', {}, ['new'])).toMatchObject({ refused: 'wrong_signature' });
  });
});

describe('a token that was accepted when the headers had arrived', () => {
  const subscriptionOf = (hashed: string[]): Subscription =>
    ({
      verify: 'token',
      acceptsToken: (token: string) => hashed.push(token) < 0,
      signingSecrets: () => [],
      hasUnreadableSecrets: () => false,
    }) as unknown as Subscription;
  const verify = (subscription: Subscription, acceptedBy: Subscription): Promise<Verdict> => {
    const definitions = { subscription: () => subscription, fresh: () => Promise.resolve() };
    const token = { token: 'right', signature: undefined, timestamp: TIMESTAMP };
    const presented = { subscriptionId: 's', ...token, acceptedBy, body, receivedAtMs: NOW_MS };
    return verifyWebhook(definitions, presented, 300_000);
  };

  it('is not hashed again', async () => {
    const hashed: string[] = [];
    const subscription = subscriptionOf(hashed);
    expect(await verify(subscription, subscription)).toMatchObject({ subscription });
    expect(hashed).toEqual([]);
  });

  it('is checked again when the subscription has changed meanwhile', async () => {
    const hashed: string[] = [];
    expect(await verify(subscriptionOf(hashed), subscriptionOf([]))).toMatchObject({ refused: 'wrong_token' });
    expect(hashed).toEqual(['right', 'right']);
  });
});
