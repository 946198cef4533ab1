import { expect, it } from 'vitest';
import { DeliveryState } from './state.ts';
import { flowQuestion, messageRequest } from './testing.ts';

const NOW_MS = Date.UTC(2026, 0, 1);

it('an intent and an answer are urgent until they are taken; requests, questions, outcomes and waits are not', () => {
  const state = new DeliveryState();
  const urgency: boolean[] = [];
  const note = (): void => {
    urgency.push(state.isUrgent);
    expect(state.hasEffects()).toBe(true);
    state.takeEffects();
    expect([state.hasEffects(), state.isUrgent]).toEqual([false, false]);
  };
  state.addRequest('acme', NOW_MS, messageRequest('a', NOW_MS));
  note();
  const message = state.messages.get('a')!;
  const content = { channel: 'sms', text: 'Hi' } as const;
  state.move(message, { name: 'intended', attempts: 1, content, isMaybeSent: false });
  note();
  state.move(message, { name: 'called', attempts: 1, content, isMaybeSent: false });
  state.end(message, { what: 'sent', reason: null, permanent: false }, null, NOW_MS);
  note();
  state.addQuestion('acme', flowQuestion('q', 1, NOW_MS));
  note();
  state.answer(state.questions.get('q')!, true, NOW_MS);
  note();
  state.addSettle('acme', { due_at: NOW_MS });
  note();
  expect(urgency).toEqual([false, true, false, false, true, false]);
});
