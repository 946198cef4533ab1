/** The life of a message, as pure functions: what may happen to it, and what becomes of it. */
import type { MessageContent } from '../../lib/templates/index.ts';
import { assertTransition, type Transitions } from '../../lib/transitions.ts';
import type { FlowRevocation, MessageOutcome, MessageRequest } from '../../schemas/types.ts';
import type { CallResult } from './channel.ts';

/**
 * What delivery is doing with a message.
 *
 *     requested ──▶ intended ──▶ called ──▶ done
 *         ▲  │          │           │        ▲
 *         │  └──────────┼───────────┼────────┤
 *         └─────────────┴───────────┘        │
 *                       └────────────────────┘
 *
 * - requested: no call is under way. `isMaybeSent`: an earlier call may have sent it.
 * - intended: it is stored that a call may begin. A process that dies in this state leaves it unknown whether it began.
 * - called: the call has begun. Only the process that made it knows this state; it is stored as `intended`.
 * - done: the outcome is in flow-inputs, or the reply that a pause has revoked the request. A request with the same id is ignored until
 *   `keptUntilMs`, unless a pause has revoked it.
 */
export type MessageState =
  | {
      readonly name: 'requested';
      readonly attempts: number;
      readonly notBeforeMs: number;
      readonly isMaybeSent: boolean;
    }
  | {
      readonly name: 'intended' | 'called';
      readonly attempts: number;
      readonly content: MessageContent;
      readonly isMaybeSent: boolean;
    }
  | { readonly name: 'done'; readonly keptUntilMs: number; readonly isRevokedByPause: boolean };

export const MESSAGE_TRANSITIONS: Transitions<MessageState['name']> = {
  requested: ['intended', 'done'],
  intended: ['called', 'requested', 'done'],
  called: ['requested', 'done'],
  done: ['requested'],
};

/** Throws an IllegalTransitionError for a move that the table does not allow. */
export function moved(requestId: string, from: MessageState, to: MessageState): MessageState {
  assertTransition(`message ${requestId}`, MESSAGE_TRANSITIONS, from.name, to.name);
  return to;
}

export const REQUESTED: MessageState = { name: 'requested', attempts: 0, notBeforeMs: 0, isMaybeSent: false };

/** The outcome of a message, as flow-inputs carries it. */
export interface Outcome {
  what: MessageOutcome;
  reason: string | null;
  /** The provider accepts nothing more for the address. */
  permanent: boolean;
}

const outcome = (what: MessageOutcome, reason: string | null = null, permanent = false): Outcome => ({
  what,
  reason,
  permanent,
});

/** What is checked immediately before a call. */
export interface View {
  /** Delivery's own clock. */
  nowMs: number;
  /** The group has confirmed that the partition is this process's. */
  isOwner: boolean;
  /** The log holds a revocation of the request. */
  revocation: FlowRevocation['reason'] | null;
  /** The provider has refused the address for good, after the flow had decided to write to it. */
  isSuppressed: boolean;
}

/**
 * Whether a message may be sent now: `call` it; `end` it, with its outcome or, when a pause has revoked it, null;
 * or `leave` it to the process that owns the partition.
 */
export type Decision = { do: 'call' } | { do: 'leave' } | { do: 'end'; outcome: Outcome | null };

export function decide(
  { expires_at }: Pick<MessageRequest, 'expires_at'>,
  state: Exclude<MessageState, { name: 'done' }>,
  { nowMs, isOwner, revocation, isSuppressed }: View,
): Decision {
  const reason = revocation !== null ? 'revoked' : nowMs > expires_at ? 'stale' : isSuppressed ? 'suppressed' : null;
  if (reason === null) return { do: isOwner ? 'call' : 'leave' };
  // An earlier attempt may have sent it: that is not known to be skipped.
  if (state.isMaybeSent) return { do: 'end', outcome: outcome('unknown', reason) };
  if (revocation === 'paused') return { do: 'end', outcome: null };
  return { do: 'end', outcome: outcome('skipped', reason) };
}

/** What follows a call: another attempt after a pause, or the outcome. */
export type Next = { attempt: Extract<MessageState, { name: 'requested' }> } | { outcome: Outcome };

export interface AfterCall {
  nowMs: number;
  /** The pause before the next attempt, in ms. */
  pauseMs: number;
  retriesUnknown: boolean;
}

/** `attempts`: number of calls so far, with this one. */
export function afterCall(
  request: Pick<MessageRequest, 'expires_at'>,
  { attempts, isMaybeSent: wasMaybeSent }: { attempts: number; isMaybeSent: boolean },
  result: CallResult,
  { nowMs, pauseMs, retriesUnknown }: AfterCall,
): Next {
  if (result.name === 'sent') return { outcome: outcome('sent') };
  if (result.name === 'refused') return { outcome: outcome('failed', result.reason, result.suppresses) };
  const isMaybeSent = wasMaybeSent || result.name === 'unknown';
  const notBeforeMs = nowMs + Math.max(pauseMs, result.name === 'not_sent' ? (result.retryAfterMs ?? 0) : 0);
  const mayRepeat = result.name === 'not_sent' || retriesUnknown;
  if (mayRepeat && notBeforeMs <= request.expires_at) {
    return { attempt: { name: 'requested', attempts, notBeforeMs, isMaybeSent } };
  }
  return { outcome: isMaybeSent ? outcome('unknown', result.reason) : outcome('skipped', 'stale') };
}

/** The outcome of a message that cannot be rendered. */
export const FAILED_TEMPLATE: Outcome = outcome('failed', 'template');
/** The outcome of a message that needs a code which its pool does not have. */
export const FAILED_CODE: Outcome = outcome('failed', 'no_code');

/** The result of a call that the process which began it did not live to see. */
export const INTERRUPTED: CallResult = { name: 'unknown', reason: 'interrupted' };

const DAY_MS = 86_400_000;

/**
 * How long a request with the same id is ignored after the outcome. The flow asks again only before it has read the
 * outcome, so a day of its lag is covered, and as long as the message may take.
 */
export const keptUntilMs = (
  { due_at, expires_at }: Pick<MessageRequest, 'due_at' | 'expires_at'>,
  nowMs: number,
): number => nowMs + DAY_MS + Math.max(0, expires_at - due_at);
