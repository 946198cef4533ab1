import { describe, expect, it } from 'vitest';
import type { Flow } from '../../../lib/flows/definition.ts';
import { FLOW_TEMPLATES } from '../../../lib/flows/templates.ts';
import { excerptOf, exitWords, messagePill, refusalWords, runPill, skipWords } from '../design/flow-words.ts';
import { factsOf, nodesOf, spanWords, summaryOf } from './describe.ts';
import { readFlowSearch, readNewFlowSearch } from './search.ts';
import { stepWords } from './step-words.ts';

const template = (id: string): Flow => FLOW_TEMPLATES.find((one) => one.id === id)!.flow;

/** One of everything. */
const FLOW: Flow = {
  name: 'All',
  triggers: [
    { trait: 'cart_abandoned', store_id: ['68'] },
    {
      trait: 'cart_status_updated',
      status: ['ready_for_pickup'],
      time: { operator: 'in_next', amount: 1, unit: 'hours' },
    },
  ],
  max_age_minutes: 90,
  audience: { not: { trait: 'cart_status_updated', status: ['finished'] } },
  while: { everyone: true },
  reentry: { rule: 'once', per: 'person', cooldown: { amount: 1, unit: 'days' } },
  exit_on: [{ checkout: 'cart' }, { event: { trait: 'cart_abandoned' }, of: 'person' }],
  goal: { checkout: 'person' },
  start: 'first',
  nodes: {
    unreached: { type: 'exit' },
    last: { type: 'exit', reason: 'done' },
    hook: { type: 'webhook', url: 'https://example.com', next: 'last' },
    mail: { type: 'email', subject: 'S', html: '<p>H</p>', code_pool: 'ten', next: 'last', else: 'hook' },
    half: { type: 'split', percent: 25, then: 'mail', else: 'who' },
    who: { type: 'split', if: { trait: 'cart_abandoned' }, then: null, else: 'kind' },
    kind: { type: 'split', trigger: { trait: 'cart_abandoned' }, then: 'last', else: null },
    buys: {
      type: 'wait_for',
      checkout: 'person',
      timeout: { amount: 2, unit: 'days' },
      next: null,
      on_timeout: 'half',
    },
    first: { type: 'wait', until: { time: '09:00', zone: 'person', days: ['mon', 'tue'] }, next: 'buys' },
  },
};

describe('a flow in words', () => {
  it('has its nodes in the order in which a run reaches them, those that none reaches last', () => {
    expect(nodesOf(FLOW).map(({ id }) => id)).toEqual([
      ...['first', 'buys', 'half', 'mail', 'last', 'hook', 'who', 'kind', 'unreached'],
    ]);
    // An edge may lead nowhere in a draft, and a draft may have cycles.
    const draft: Flow = {
      ...FLOW,
      start: 'a',
      nodes: { a: { type: 'wait', for: { amount: 1, unit: 'hours' }, next: 'b' } },
    };
    expect(nodesOf(draft).map(({ id }) => id)).toEqual(['a']);
    draft.nodes['b'] = { type: 'wait', for: { amount: 1, unit: 'hours' }, next: 'a' };
    expect(nodesOf(draft).map(({ id }) => id)).toEqual(['a', 'b']);
  });

  it('says what each node does, and where it leads', () => {
    const nodes = new Map(nodesOf(FLOW).map((node) => [node.id, node]));
    const does = [...nodes.values()].map((node) => `${node.id}: ${node.does}`);
    expect(does).toEqual([
      'first: Waits until 09:00 on Mon, Tue in the time zone of the person.',
      'buys: Waits until the person orders, with any cart; at most 2 days.',
      'half: Takes the first way for 25 % of the runs.',
      'mail: Sends an email, marketing, at most 60 minutes after it was due. With a code of “ten”.',
      'last: Completes the run: done.',
      'hook: Calls a webhook, marketing, at most 60 minutes after it was due.',
      'who: Asks whether the person is now among: people who have abandoned a cart.',
      'kind: Asks whether, by the event that started the run, the person has abandoned a cart.',
      'unreached: Completes the run.',
    ]);
    expect(nodes.get('buys')!.edges).toEqual([
      { when: 'when it happens', to: null },
      { when: 'when the time is up', to: 'half' },
    ]);
    expect(nodes.get('mail')!.edges).toEqual([
      { when: 'when sent', to: 'last' },
      { when: 'if it was not sent', to: 'hook' },
    ]);
    expect(nodes.get('mail')!.templates).toEqual([
      { label: 'Subject', text: 'S' },
      { label: 'HTML', text: '<p>H</p>' },
    ]);
    expect([...nodes.values()].filter(({ isMessage }) => isMessage).map(({ id }) => id)).toEqual(['mail', 'hook']);
  });

  it('says what starts and ends it', () => {
    expect(factsOf(FLOW).map(({ label, lines }) => [label, ...lines])).toEqual([
      [
        'Starts when',
        'Somebody has abandoned a cart at store 68.',
        'Somebody has an order that is expected to be ready for pickup within the next 1 hour.',
        'Events older than 90 minutes start nothing.',
      ],
      ['Who may enter', 'People who have not had an order change to finished.'],
      ['How often', 'Once per person, at least 1 day after the last start.'],
      ['Must hold before every message', 'Everyone.'],
      ['Ends early when', 'The cart of the run is ordered.', 'The person has abandoned a cart, with any cart.'],
      ['Goal', 'The person orders within 14 days of a message.'],
    ]);
    expect(spanWords({ amount: 1, unit: 'seconds' })).toBe('1 second');
  });

  it('shows defaults as they apply', () => {
    const { name, triggers, start, nodes } = template('abandoned_cart_recovery');
    const facts = new Map(factsOf({ name, triggers, start, nodes }).map(({ label, lines }) => [label, lines]));
    expect(facts.get('Ends early when')).toEqual([
      'The person orders, with any cart.',
      'The person returns to the cart.',
    ]);
    expect(facts.get('How often')).toEqual(['One live run per cart.']);
    expect(facts.get('Who may enter')).toEqual(['Everyone.']);
    const reminder = factsOf(template('pickup_reminder')).find(({ label }) => label === 'Starts when');
    expect(reminder?.lines).toHaveLength(1);
    expect(summaryOf(template('ready_for_pickup'))).toBe('Starts when an order changes to ready for pickup.');
  });

  it('describes every template in sentences', () => {
    for (const { id, flow } of FLOW_TEMPLATES) {
      expect(summaryOf(flow), id).toMatch(/^Starts when (somebody has|an order changes) .+\.$/);
      for (const { does } of nodesOf(flow)) expect(does, id).toMatch(/^[A-Z].*\.$/);
      for (const { lines } of factsOf(flow)) for (const line of lines) expect(line, id).toMatch(/^[A-Z].*\.$/);
    }
  });
});

describe('reasons', () => {
  it('are sentences, also those that this console does not know', () => {
    expect(refusalWords('too_old')).toBe('The event was too old when it was seen.');
    expect(exitWords('no_longer')).toContain('no longer held');
    expect(skipWords('no_consent')).toBe('The person has not agreed to it.');
    expect([refusalWords('from_next_year'), skipWords('toString')]).toEqual(['From next year.', 'ToString.']);
  });

  it('are on pills in short', () => {
    expect(runPill({ state: 'exited', reason: 'flow_changed' }).label).toBe('exited: flow changed');
    expect(runPill({ state: 'live', reason: null }).label).toBe('live');
    expect(messagePill({ outcome: 'skipped', reason: 'no_consent' }).label).toBe('skipped: no consent');
    expect(messagePill({ outcome: null, reason: null })).toEqual({ label: 'requested', tone: undefined });
  });

  it('explain steps', () => {
    const step = (what: string, reason: string | null = null, amount: number | null = null) =>
      stepWords({ what, reason, amount });
    expect(step('exited', 'checkout')).toEqual({ title: 'Ended early', detail: 'The person ordered.', tone: 'left' });
    expect(step('skipped', 'stale').detail).toBe('It was due for too long.');
    expect(step('answered', 'yes').detail).toBe('Yes.');
    expect(step('goal', null, 45.5)).toEqual({ title: 'Goal reached', detail: 'Worth $45.50.', tone: 'done' });
    expect(step('goal', 'retracted').title).toBe('Goal no longer counts');
    expect(step('reached')).toEqual({ title: 'Reached', detail: null, tone: undefined });
    expect(step('something_new').title).toBe('Something_new');
  });

  it('have the readable part of a message', () => {
    expect(excerptOf({ html: '<p>', subject: 'S', text: 'T' })).toBe('S');
    expect(excerptOf({ text: 'T' })).toBe('T');
    expect([excerptOf(null), excerptOf({ text: '' })]).toEqual([null, null]);
  });
});

describe('addresses of flows', () => {
  it('hold what is on display, and ignore everything else', () => {
    expect(
      readFlowSearch({ tab: 'runs', state: 'live', person: 17, range: '7d', days: '30', version: 2, x: 1 }),
    ).toEqual({
      ...{ tab: 'runs', state: 'live', person: '17', range: '7d', days: 30, version: 2 },
    });
    expect(readFlowSearch({ tab: 'x', state: 'toString', range: '1y', days: 367, version: 0 })).toEqual({});
    expect(readNewFlowSearch({ template: 'a', id: 'b' })).toEqual({ template: 'a' });
  });
});
