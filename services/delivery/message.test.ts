import { describe, expect, it } from 'vitest';
import { IllegalTransitionError } from '../../lib/transitions.ts';
import type { CallResult } from './channel.ts';
import {
  afterCall,
  decide,
  MESSAGE_TRANSITIONS,
  moved,
  REQUESTED,
  type MessageState,
  type Outcome,
  type View,
} from './message.ts';

const content = { channel: 'sms', text: 'Hi' } as const;
const STATES: Record<MessageState['name'], MessageState> = {
  requested: REQUESTED,
  intended: { name: 'intended', attempts: 1, content, isMaybeSent: false },
  called: { name: 'called', attempts: 1, content, isMaybeSent: false },
  done: { name: 'done', keptUntilMs: 1, isRevokedByPause: false },
};
const names = Object.keys(STATES) as MessageState['name'][];

describe('the states of a message', () => {
  it.each(names.flatMap((from) => names.map((to) => [from, to] as const)))('%s → %s', (from, to) => {
    const move = () => moved('q', STATES[from], STATES[to]);
    if (MESSAGE_TRANSITIONS[from].includes(to)) expect(move()).toBe(STATES[to]);
    else expect(move).toThrow(IllegalTransitionError);
  });

  it('nothing is called without an intent, and what is done is called again only by a new request', () => {
    expect(names.filter((from) => MESSAGE_TRANSITIONS[from].includes('called'))).toEqual(['intended']);
    expect(MESSAGE_TRANSITIONS.done).toEqual(['requested']);
  });
});

const skipped = (reason: string): Outcome => ({ what: 'skipped', reason, permanent: false });
const unknown = (reason: string): Outcome => ({ what: 'unknown', reason, permanent: false });

describe('may this be sent now?', () => {
  const view = (changed: Partial<View> = {}): View => ({
    ...{ nowMs: 100, isOwner: true, revocation: null, isSuppressed: false },
    ...changed,
  });
  const fresh = STATES.requested as Extract<MessageState, { name: 'requested' }>;
  const again = { ...fresh, isMaybeSent: true };

  it.each<[string, Partial<View>, ReturnType<typeof decide>]>([
    ['as long as nothing is against it', {}, { do: 'call' }],
    ['until its last millisecond', { nowMs: 200 }, { do: 'call' }],
    ['not when it is stale', { nowMs: 201 }, { do: 'end', outcome: skipped('stale') }],
    ['not to an address that accepts nothing', { isSuppressed: true }, { do: 'end', outcome: skipped('suppressed') }],
    ['not when its run has ended', { revocation: 'ended' }, { do: 'end', outcome: skipped('revoked') }],
    ['not while its flow is paused; it may be requested again', { revocation: 'paused' }, { do: 'end', outcome: null }],
    [
      'revoked comes before stale and suppressed',
      { revocation: 'ended', nowMs: 201, isSuppressed: true },
      { do: 'end', outcome: skipped('revoked') },
    ],
    ['not by a process that may have lost the partition', { isOwner: false }, { do: 'leave' }],
    ['but such a process may end it', { isOwner: false, nowMs: 201 }, { do: 'end', outcome: skipped('stale') }],
  ])('%s', (_, changed, expected) => {
    expect(decide({ expires_at: 200 }, fresh, view(changed))).toEqual(expected);
  });

  it.each([{ revocation: 'ended' }, { revocation: 'paused' }, { nowMs: 201 }] as const)(
    'what an earlier attempt may have sent is unknown, never skipped: %j',
    (changed) => {
      const reason = 'revocation' in changed ? 'revoked' : 'stale';
      expect(decide({ expires_at: 200 }, again, view(changed))).toEqual({ do: 'end', outcome: unknown(reason) });
    },
  );
});

describe('after a call', () => {
  const after = (result: CallResult, changed: { nowMs?: number; retriesUnknown?: boolean; was?: boolean } = {}) => {
    const { nowMs = 100, retriesUnknown = false, was = false } = changed;
    const attempt = { attempts: 3, isMaybeSent: was };
    return afterCall({ expires_at: 200 }, attempt, result, { nowMs, pauseMs: 10, retriesUnknown });
  };
  const attempt = (notBeforeMs: number, isMaybeSent = false) => ({
    attempt: { name: 'requested', attempts: 3, notBeforeMs, isMaybeSent },
  });
  const notSent: CallResult = { name: 'not_sent', reason: '429' };
  const broken: CallResult = { name: 'unknown', reason: '503' };

  it('sent and refused are outcomes', () => {
    expect(after({ name: 'sent' })).toEqual({ outcome: { what: 'sent', reason: null, permanent: false } });
    const refused = { name: 'refused', reason: '21610', suppresses: true } as const;
    expect(after(refused)).toEqual({ outcome: { what: 'failed', reason: '21610', permanent: true } });
  });

  it('what was certainly not sent is tried again after a pause, until it would be stale', () => {
    expect(after(notSent)).toEqual(attempt(110));
    expect(after({ ...notSent, retryAfterMs: 100 })).toEqual(attempt(200));
    expect(after({ ...notSent, retryAfterMs: 101 })).toEqual({ outcome: skipped('stale') });
    expect(after(notSent, { nowMs: 191 })).toEqual({ outcome: skipped('stale') });
  });

  it('an unknown result is an outcome, unless the channel repeats it', () => {
    expect(after(broken)).toEqual({ outcome: unknown('503') });
    expect(after(broken, { retriesUnknown: true })).toEqual(attempt(110, true));
    expect(after(broken, { retriesUnknown: true, nowMs: 191 })).toEqual({ outcome: unknown('503') });
  });

  it('an attempt that was certainly not sent does not make an earlier unknown one certain', () => {
    expect(after(notSent, { was: true })).toEqual(attempt(110, true));
    expect(after(notSent, { was: true, nowMs: 191 })).toEqual({ outcome: unknown('429') });
    expect(after({ name: 'sent' }, { was: true })).toMatchObject({ outcome: { what: 'sent' } });
  });
});
