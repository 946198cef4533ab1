import { describe, expect, it } from 'vitest';
import { parseFlow } from './parse.ts';
import { publishingIssues, type PublishingOptions } from './publishing.ts';
import type { Flow } from './definition.ts';

const SMS = { type: 'sms', text: '{{ workspace.name }}: your cart is waiting. Reply STOP to opt out.' };
const flowOf = (more: object = {}): unknown => ({
  name: 'A flow',
  triggers: [{ trait: 'cart_status_updated', status: ['cancelled'] }],
  start: 'm',
  nodes: { m: SMS },
  ...more,
});
const withNodes = (nodes: object, more: object = {}): unknown =>
  flowOf({ nodes: { m: { ...SMS, next: 'n' }, ...nodes }, ...more });

const problems = (flow: unknown): string[] =>
  (parseFlow(flow).issues ?? []).map(({ path, message }) => `${path.join('.')}: ${message}`);

describe('the shape of a flow', () => {
  it('may have everything', () => {
    const flow = flowOf({
      triggers: [{ trait: 'cart_status_updated', time: { operator: 'in_next', amount: 2, unit: 'hours' } }],
      max_age_minutes: 5,
      audience: { everyone: true },
      while: { not: { trait: 'cart_abandoned', recovered: true, at_least: 2 } },
      reentry: { rule: 'once', per: 'person', cooldown: { amount: 1, unit: 'days' } },
      exit_on: [{ checkout: 'person' }, { activity: 'cart' }, { event: { trait: 'cart_abandoned' }, of: 'cart' }],
      goal: { event: { trait: 'cart_abandoned' }, of: 'cart', within: { amount: 1, unit: 'months' } },
      start: 'a',
      nodes: {
        a: { type: 'wait', for: { amount: 30, unit: 'seconds' }, next: 'b' },
        b: { type: 'wait', until: { time: '09:00', zone: 'person', days: ['mon'] }, next: 'c' },
        c: { type: 'wait_for', checkout: 'cart', timeout: { amount: 1, unit: 'days' }, next: 'd', on_timeout: null },
        d: { type: 'split', percent: 50, then: 'e', else: 'f' },
        e: { type: 'split', if: { everyone: true }, then: 'f' },
        f: { type: 'split', trigger: { trait: 'cart_abandoned' }, then: 'g', else: 'h' },
        g: {
          type: 'email',
          class: 'transactional',
          subject: 's',
          html: 'h',
          code_pool: 'p',
          if_no_code: 'send',
          next: 'h',
        },
        h: { type: 'webhook', url: 'https://example.com', headers: { a: 'b' }, body: '{}', else: null, next: 'i' },
        i: { type: 'exit', reason: 'done' },
      },
    });
    expect(problems(flow)).toEqual([]);
    expect(parseFlow(flow).flow).toEqual(flow);
  });

  it.each<[string, unknown, string]>([
    ['no object', 3, ': Invalid input: expected object, received number'],
    ['an unknown member', flowOf({ colour: 1 }), 'colour: unknown field'],
    ['no trigger', flowOf({ triggers: [] }), 'triggers: must have at least one trigger'],
    [
      'at_least',
      flowOf({ triggers: [{ trait: 'cart_abandoned', at_least: 2 }] }),
      'triggers.0.at_least: is not possible here: it counts several trait events',
    ],
    [
      'an unknown trait',
      flowOf({ triggers: [{ trait: 'x' }] }),
      'triggers.0.trait: Invalid option: expected one of "cart_abandoned"|"cart_status_updated"',
    ],
    ['no leaf', flowOf({ triggers: [{ everyone: true }] }), 'triggers.0: must be a condition on one trait event'],
    [
      'in_next elsewhere',
      flowOf({
        exit_on: [
          { event: { trait: 'cart_abandoned', time: { operator: 'in_next', amount: 1, unit: 'days' } }, of: 'cart' },
        ],
      }),
      'exit_on.0.event.time.operator: in_next is possible only in triggers',
    ],
    [
      'two kinds of an end',
      flowOf({ exit_on: [{ checkout: 'cart', activity: 'cart' }] }),
      'exit_on.0: must have exactly one of checkout, activity, event',
    ],
    [
      'an event of nobody',
      flowOf({ goal: { event: { trait: 'cart_abandoned' } } }),
      'goal.of: is missing: cart or person',
    ],
    ['a start that does not exist', flowOf({ start: 'x' }), 'start: there is no node "x"'],
    [
      'an edge to nowhere',
      withNodes({ n: { type: 'wait', for: { amount: 1, unit: 'days' }, next: 'x' } }),
      'nodes.n.next: there is no node "x"',
    ],
    [
      'an id of other characters',
      withNodes({ n: { type: 'exit' }, N: { type: 'exit' } }),
      'nodes.N: Invalid key in record',
    ],
    ['a wait without anything', withNodes({ n: { type: 'wait' } }), 'nodes.n: must have exactly one of for, until'],
    [
      'percent 100',
      withNodes({ n: { type: 'split', percent: 100 } }),
      'nodes.n.percent: must be a whole number from 1 to 99',
    ],
    [
      'transactional about an abandonment',
      {
        ...(flowOf() as object),
        triggers: [{ trait: 'cart_abandoned' }],
        nodes: { m: { ...SMS, class: 'transactional' } },
      },
      'nodes.m.class: a flow with a cart_abandoned trigger cannot send transactional messages: no order was made',
    ],
  ])('may not have %s', (_, flow, problem) => expect(problems(flow)).toEqual([problem]));
});

const OPTIONS: PublishingOptions = {
  retentionDays: 90,
  channels: new Set(['sms', 'email', 'webhook']),
  templateProblems: (text) => (text.includes('persona') ? ['the variable persona is unknown'] : []),
};

describe('publishing', () => {
  const issuesOf = (value: unknown, options = OPTIONS) => {
    const { flow, issues } = parseFlow(value);
    if (flow === undefined) throw new Error(JSON.stringify(issues));
    const { errors, warnings } = publishingIssues(flow satisfies Flow, options);
    const shown = (all: typeof errors): string[] => all.map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { errors: shown(errors), warnings: shown(warnings) };
  };
  const WAIT = { type: 'wait', for: { amount: 3, unit: 'days' } };

  it.each<[string, unknown, string[]]>([
    ['nothing', flowOf(), []],
    ['a cycle', withNodes({ n: { ...WAIT, next: 'm' } }), ['nodes.n.next: leads back to "m": a cycle']],
    ['an unreachable node', withNodes({ n: WAIT, o: WAIT }), ['nodes.o: cannot be reached from the start']],
    [
      'an empty condition',
      flowOf({ triggers: [{ trait: 'cart_status_updated', status: [] }] }),
      ['triggers.0: has an empty list of status: name a value, or remove it'],
    ],
    [
      'a wait beyond the retention',
      withNodes({ n: { type: 'wait', for: { amount: 91, unit: 'days' } } }),
      ['nodes.n.for: must not be longer than 90 days, the retention of the log'],
    ],
    [
      'marketing email without an unsubscribe link',
      withNodes({ n: { type: 'email', subject: 's', html: 'h' } }),
      ['nodes.n.html: marketing email must contain {{ unsubscribe_url }}'],
    ],
    [
      'an unknown variable',
      withNodes({ n: { type: 'sms', text: '{{ persona }} {{ workspace.name }} STOP' } }),
      ['nodes.n.text: the variable persona is unknown'],
    ],
  ])('refuses %s', (_, flow, errors) => expect(issuesOf(flow).errors).toEqual(errors));

  it('refuses a channel that is not configured', () => {
    expect(issuesOf(flowOf(), { ...OPTIONS, channels: new Set(['email']) }).errors).toEqual([
      'nodes.m.type: the channel sms is not configured',
    ]);
  });

  it('warns of what carriers object to', () => {
    const triggers = [{ trait: 'cart_abandoned' }];
    expect(issuesOf(flowOf()).warnings).toEqual([]);
    expect(issuesOf(flowOf({ nodes: { m: { type: 'sms', text: 'Hello' } } })).warnings).toEqual([
      'nodes.m.text: does not name the sender: add {{ workspace.name }}',
      'nodes.m.text: does not say how to opt out: add "Reply STOP to opt out."',
    ]);
    expect(issuesOf(withNodes({ n: { ...WAIT, next: 'o' }, o: SMS }, { triggers })).warnings).toEqual([
      'nodes.o: is not the first marketing SMS about the same abandonment',
      'nodes.o: may be sent more than 48 hours after the abandonment',
    ]);
  });
});
