import { describe, expect, it } from 'vitest';
import { firstNameOf, renderMessage, templateProblems, templateUses } from './index.ts';
import { context } from './testing.ts';

function text(source: string): unknown {
  const content = renderMessage({ channel: 'sms', text: source }, context());
  return content.channel === 'sms' ? content.text : content;
}

describe('what a template renders', () => {
  it.each([
    ['{{ person.first_name }} of {{ workspace.name }}', 'Jane of Green Leaf'],
    ['{{ cart.store_name }}', 'Fish & Leaf'],
    ['{% for p in cart.products %}{{ p.count }}x{{ p.product_id }}{% endfor %}', '2xA-1'],
    ['[{{ code }}{{ cart.status }}]', '[]'],
    ['{{ cart.constructor }}{{ cart.toString }}', ''],
  ])('%s', (source, expected) => {
    expect(text(source)).toBe(expected);
  });

  it('escapes HTML unless a value is raw, and keeps a subject in one line', () => {
    const rendered = renderMessage(
      {
        channel: 'email',
        subject: 'Your cart\nat {{ cart.store_name }}',
        html: '{{ cart.store_name }} {{ cart.store_name | raw }}',
        text: '{{ cart.store_name }}',
      },
      context(),
    );
    expect(rendered).toEqual({
      channel: 'email',
      subject: 'Your cart at Fish & Leaf',
      html: 'Fish &amp; Leaf Fish & Leaf',
      text: 'Fish & Leaf',
      preheader: null,
    });
  });

  it('sends run, person, cart and event to a webhook unless its body says otherwise, and only JSON', () => {
    const { run, person, cart, event } = context();
    const body = (source?: string): unknown => {
      const content = renderMessage({ channel: 'webhook', body: source }, context());
      return content.channel === 'webhook' ? JSON.parse(content.body) : content;
    };
    expect(body()).toEqual({ run, person, cart, event });
    expect(body('{"name": {{ person.name | json }}}')).toEqual({ name: 'Jane Doe' });
    expect(() => body('{"name": {{ person.name }}}')).toThrow(SyntaxError);
  });

  it('refuses an SMS that is too long', () => {
    expect(() => text(`${'x'.repeat(1_600)}y`)).toThrow('more than 1600 characters');
  });

  it('refuses a message that is too large for a record', () => {
    const large = (html: string) => () => renderMessage({ channel: 'email', subject: 'Hi', html }, context());
    expect(large('x'.repeat(200_000))()).toMatchObject({ channel: 'email' });
    expect(large('\u0001'.repeat(200_000))).toThrow('more than 1048576');
  });
});

describe('what is wrong with a template', () => {
  it.each<[string, string[]]>([
    ['{{ person.first_name | upcase }} {{ unsubscribe_url }} {{ cart.products[0].price }}', []],
    ['{% assign total = cart.amount | times: 2 %}{{ total }}', []],
    ['{{ name }}', ['"name" is not a known variable']],
    ['{{ person.age }} {{ person.age }}', ['"person.age" is not a known variable']],
    ['{{ code.value }}', ['"code.value" is not a known variable']],
    ['{{ person[cart.id] }}', ['"person" has no computed members']],
    ['{{ person.name | nope }}', ['is not a valid template: undefined filter: nope, line:1, col:1']],
    ['{% include "x" %}', ['is not a valid template: tag "include" not found, line:1, col:1']],
    ['{{ person.name ', ['is not a valid template: output "{{ person.name " not closed, line:1, col:1']],
  ])('%s', (source, problems) => {
    expect(templateProblems(source)).toEqual(problems);
  });
});

it('says whether a template reads a variable', () => {
  expect(templateUses('<a href="{{ unsubscribe_url }}">', 'unsubscribe_url')).toBe(true);
  expect(templateUses('unsubscribe_url', 'unsubscribe_url')).toBe(false);
  expect(templateUses('{{ workspace.name }}', 'workspace', 'name')).toBe(true);
  expect(templateUses('{{ person.name', 'person')).toBe(false);
});

it.each([
  ['Jane Doe', 'Jane'],
  ['  Jane\tvan Doe', 'Jane'],
  ['', null],
  [null, null],
])('the first name of %j', (name, first) => {
  expect(firstNameOf(name)).toBe(first);
});
