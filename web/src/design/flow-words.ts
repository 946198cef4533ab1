/** The words of flows: the same on every page. What they mean is described in docs/flows.md. */
import type { FlowMessage, FlowRun, SavedFlow } from '../data/api.ts';
import { capitalised } from './words.ts';

/** The colour of a pill; undefined: grey. */
export type PillTone = 'done' | 'left' | 'off' | undefined;

type FlowState = SavedFlow['state'];

export const FLOW_STATES: Readonly<Record<FlowState, { label: string; tone: PillTone; means: string }>> = {
  draft: { label: 'Draft', tone: undefined, means: 'It was never published: it starts nothing and sends nothing.' },
  publishing: {
    label: 'Publishing',
    tone: 'left',
    means:
      'It goes live as soon as the carts and people that its conditions refer to are in the log of flows. The first publish of a workspace takes longest.',
  },
  live: { label: 'Live', tone: 'done', means: 'Trait events start runs, and runs send messages.' },
  paused: {
    label: 'Paused',
    tone: 'left',
    means: 'Nothing starts and nothing is sent until it is resumed. Waits of live runs still elapse.',
  },
  archived: { label: 'Archived', tone: undefined, means: 'Its runs have ended, and it starts nothing any more.' },
};

/** Why a trait event that satisfied a trigger started no run, as a sentence. */
const REFUSALS: Readonly<Record<string, string>> = {
  too_old: 'The event was too old when it was seen.',
  paused: 'The flow was paused.',
  bought: 'The person had ordered since.',
  already: 'It replaces an event whose run had already sent a message.',
  live: 'Another run was still live.',
  once: 'There was a run before, and the flow runs only once.',
  cooldown: 'The last run started too recently.',
  not_in_audience: 'The person was not in the audience of the flow.',
  unanswered: 'ClickHouse could not say in time whether the person is in the audience.',
};

/** Why a run ended before its last node, as a sentence. */
const EXITS: Readonly<Record<string, string>> = {
  checkout: 'The person ordered.',
  activity: 'The person returned to the cart.',
  event: 'An event that ends the flow occurred.',
  no_longer: 'The condition that must hold before every message no longer held.',
  retracted: 'The event that started it was retracted.',
  merged: 'The person was merged with another one who had a run of this flow.',
  parted: 'The cart was split off its person.',
  cancelled: 'It was ended by hand.',
  archived: 'The flow was archived.',
  flow_changed: 'The next version of the flow has no node at which it could continue.',
  erased: 'The person was erased.',
};

/** Why a message was not sent, as a sentence. */
const SKIPS: Readonly<Record<string, string>> = {
  no_address: 'No phone number or email address is known.',
  no_consent: 'The person has not agreed to it.',
  suppressed: 'The provider reported that the address accepts nothing.',
  capped: 'The limit of messages was reached.',
  quiet_hours: 'There is no time outside of quiet hours within 8 days.',
  no_code: 'No code is left.',
  stale: 'It was due for too long.',
  revoked: 'The run ended before it was sent.',
  template: 'The text could not be rendered.',
};

const lookUp = (words: Readonly<Record<string, string>>, reason: string): string =>
  Object.hasOwn(words, reason) ? words[reason]! : `${capitalised(reason.replaceAll('_', ' '))}.`;

export const refusalWords = (reason: string): string => lookUp(REFUSALS, reason);
export const exitWords = (cause: string): string => lookUp(EXITS, cause);
export const skipWords = (reason: string): string => lookUp(SKIPS, reason);

/** A reason in short, for tables: `not_in_audience` → `not in audience`. */
export const shortReason = (reason: string): string => reason.replaceAll('_', ' ');

/** What became of a run, as a pill: `live`, `completed`, `exited: checkout`. */
export function runPill({ state, reason }: Pick<FlowRun, 'state' | 'reason'>): { label: string; tone: PillTone } {
  if (state === 'live') return { label: 'live', tone: 'left' };
  if (state === 'completed') return { label: 'completed', tone: 'done' };
  return { label: reason === null ? 'exited' : `exited: ${shortReason(reason)}`, tone: undefined };
}

/** What became of a message, as a pill. */
export function messagePill({ outcome, reason }: Pick<FlowMessage, 'outcome' | 'reason'>) {
  const tones: Readonly<Record<string, PillTone>> = { sent: 'done', failed: 'off', unknown: 'left' };
  const label = outcome === null ? 'requested' : reason === null ? outcome : `${outcome}: ${shortReason(reason)}`;
  return { label, tone: outcome === null ? undefined : tones[outcome] };
}

export const CHANNEL_LABELS: Readonly<Record<string, string>> = { sms: 'SMS', email: 'Email', webhook: 'Webhook' };

/** The readable part of a message as it was rendered: its subject or its text. */
export function excerptOf(content: FlowMessage['content']): string | null {
  for (const key of ['subject', 'text', 'url']) {
    const value = content?.[key];
    if (typeof value === 'string' && value !== '') return value;
  }
  return null;
}

/** The name of a node for readers: `offer_again` → `Offer again`. */
export const nodeLabel = (id: string): string => capitalised(id.replaceAll('_', ' '));
