import { describe, expect, it } from 'vitest';
import type { PersonInput } from '../../schemas/types.ts';
import { parsePersonLine } from './person.ts';
import { at, bytes, lineContext as context, RECEIVED } from './testing.ts';

describe('records of people', () => {
  const person = (change: object) =>
    parsePersonLine(bytes({ occurred_at: '2021-06-21T21:00:00Z', ...change }), context);

  it('is read whole', () => {
    expect(
      person({
        phone: '(808) 555-0143',
        email: ' A@B.co',
        user_id: 7,
        external_user_id: '9',
        external_user_source: 'pos',
        name: 'A',
        time_zone: 'America/Los_Angeles',
        consent: { sms: 'opted_in', email: 'opted_out' },
      }),
    ).toEqual({
      kind: 'record',
      workspace: 'shop',
      log_time: null,
      received_at: RECEIVED,
      cart: null,
      record: {
        occurred_at: at('2021-06-21T21:00:00Z'),
        identifiers: [
          { kind: 'user_id', value: '7' },
          { kind: 'external', value: 'pos 9' },
          { kind: 'phone', value: '+18085550143' },
          { kind: 'email', value: 'a@b.co' },
        ],
        name: 'A',
        time_zone: 'America/Los_Angeles',
        sms_consent: 'opted_in',
        email_consent: 'opted_out',
      },
      erasure: null,
      link_rules: null,
      command: null,
      settings: null,
      code_pool: null,
    } satisfies PersonInput);
  });

  it.each<[string, object, string, string]>([
    ['nobody', { name: 'A' }, 'no_identifier', ''],
    ['an unreadable phone alone', { phone: '12' }, 'no_identifier', ''],
    ['user 0 alone', { user_id: 0 }, 'no_identifier', ''],
    ['placeholders alone', { user_id: 'Guest', phone: '0000000000', email: 'none@none.com' }, 'no_identifier', ''],
    ['2009', { email: 'a@b.co', occurred_at: '2009-01-01T00:00:00Z' }, 'too_early', '/occurred_at'],
    ['no time', { email: 'a@b.co', occurred_at: null }, 'bad_time', '/occurred_at'],
    ['an unknown field', { email: 'a@b.co', 'e/~mail': 1 }, 'unknown_field', '/e~1~0mail'],
    ['an unknown consent', { email: 'a@b.co', consent: { push: 'opted_in' } }, 'unknown_field', '/consent/push'],
    ['consent of another word', { email: 'a@b.co', consent: { sms: true } }, 'wrong_value', '/consent/sms'],
    ['consent of no object', { email: 'a@b.co', consent: 'opted_in' }, 'wrong_type', '/consent'],
  ])('refuses %s', (_, change, reason, path) => expect(person(change)).toMatchObject({ reason, path }));

  it.each([['Mars/Olympus'], ['PST'], ['+02:00'], [''], [7], [null]])('takes zone %j for none', (zone) =>
    expect(person({ email: 'a@b.co', time_zone: zone })).toMatchObject({ record: { time_zone: null } }),
  );

  it('reads identifiers without what cannot be seen', () =>
    expect(person({ user_id: ' 7\u200b\n', external_user_id: '\ufeff9', external_user_source: 'pos ' })).toMatchObject({
      record: {
        identifiers: [
          { kind: 'user_id', value: '7' },
          { kind: 'external', value: 'pos 9' },
        ],
      },
    }));

  it('has its time bounded by receipt', () =>
    expect(person({ email: 'a@b.co', occurred_at: '2031-01-01T00:00:00Z' })).toMatchObject({
      record: { occurred_at: RECEIVED },
    }));
});
