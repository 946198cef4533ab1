import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emailOf, externalOf, externalValue, identifierList, identifiersOf, idOf, phoneOf } from './identifiers.ts';

describe('ids', () => {
  it.each([
    [7, '7'],
    ['7', '7'],
    [9007199254740993n, '9007199254740993'],
    [1e21, '1000000000000000000000'],
    ['00', '00'],
    [' 7', ' 7'],
    [null, null],
    [undefined, null],
    ['', null],
    ['   ', null],
    [0, null],
    [-0, null],
    [0n, null],
    ['0', null],
    [NaN, null],
    [Infinity, null],
    [true, null],
    [{ toString: () => '7' }, null],
    [['7'], null],
  ])('%o is %j', (value, expected) => expect(idOf(value)).toBe(expected));
});

describe('phones', () => {
  it.each([
    ['(808) 555-0143', 'US', '+18085550143'],
    ['808.555.0143', 'US', '+18085550143'],
    ['1 808 555 0143', 'US', '+18085550143'],
    ['8085550143', 'US', '+18085550143'],
    ['+18085550143', 'US', '+18085550143'],
    ['+1 (808) 555-0143', 'US', '+18085550143'],
    ['+1 [808] 555–0143', 'US', '+18085550143'],
    // Jane's own example: no possible number, and taken as it is.
    ['+1112223333', 'US', '+1112223333'],
    ['+1234567', 'US', '+1234567'],
    ['+123456789012345', 'US', '+123456789012345'],
    ['+1234567890123456', 'US', null],
    ['020 7946 0958', 'GB', '+442079460958'],
    ['0044 20 7946 0958', 'GB', '+442079460958'],
    ['(808) 555-0143 x12', 'US', '+18085550143'],
    ['+123456', 'US', null],
    ['5550143', 'US', null],
    ['911', 'US', null],
    ['none', 'US', null],
    ['0', 'US', null],
    ['808 555 0143', 'XX', null],
    ['+18085550143', 'XX', '+18085550143'],
    ['8'.repeat(5000), 'US', null],
  ])('%j in %s is %j', (text, country, expected) => {
    expect(phoneOf(text, country)).toBe(expected);
    expect(phoneOf(text, country), 'from the cache').toBe(expected);
  });

  it('keeps what countries make of one text apart', () => {
    expect(phoneOf('020 7946 0958', 'GB')).toBe('+442079460958');
    expect(phoneOf('020 7946 0958', 'US')).not.toBe('+442079460958');
  });
});

describe('addresses', () => {
  it.each([
    [' Jane@Example.COM ', 'jane@example.com'],
    ['jane.doe+x@mail.example.co', 'jane.doe+x@mail.example.co'],
    ['ünï@exämple.com', 'ünï@exämple.com'],
    ['jane@localhost', null],
    ['jane@@example.com', null],
    ['a@b@example.com', null],
    ['@example.com', null],
    ['jane@example.', null],
    ['jane@.com', null],
    ['ja ne@example.com', null],
    ['jane\u0000@example.com', null],
    ['jane\ud800@example.com', null],
    ['jane', null],
    [`${'a'.repeat(250)}@example.com`, null],
  ])('%j is %j', (text, expected) => expect(emailOf(text)).toBe(expected));
});

describe('all of them', () => {
  it('reads numbers, keeps what cannot be read as text', () => {
    expect(
      identifiersOf(
        { user_id: 5, external_id: '12345', external_source: 'foo', phone: 18085550143, email: 'nobody' },
        'US',
      ),
    ).toEqual({
      user_id: '5',
      external_source: 'foo',
      external_id: '12345',
      phone: '+18085550143',
      email: null,
      unread_phone: null,
      unread_email: 'nobody',
    });
  });

  it('takes a missing source for the empty one, and a source without an id for none', () => {
    expect(identifiersOf({ external_id: 9 }, 'US')).toMatchObject({ external_source: '', external_id: '9' });
    expect(identifiersOf({ external_id: 0, external_source: 'foo' }, 'US')).toMatchObject({
      external_source: null,
      external_id: null,
    });
    expect(identifierList({ user_id: null, external_source: '', external_id: '9', phone: null, email: null })).toEqual([
      { kind: 'external', value: ' 9' },
    ]);
  });

  it('lists them in their order of precedence', () => {
    const read = identifiersOf(
      { email: 'A@B.co', phone: '808 555 0143', external_id: 2, external_source: 'pos', user_id: '1' },
      'US',
    );
    expect(identifierList(read)).toEqual([
      { kind: 'user_id', value: '1' },
      { kind: 'external', value: 'pos 2' },
      { kind: 'phone', value: '+18085550143' },
      { kind: 'email', value: 'a@b.co' },
    ]);
  });

  it('never lets two external identifiers look the same, and gives each back as it was', () => {
    expect(externalValue('a b', 'c')).toBe('a%20b c');
    expect(externalValue('a', 'b c')).toBe('a b c');
    expect(externalValue('c d', '1')).not.toBe(externalValue('c\u00a0d', '1'));
    const source = fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom('%', '2', '0', '5', ' ', '\u00a0') }));
    fc.assert(
      fc.property(source, fc.string({ minLength: 1 }), (of, id) => {
        const value = externalValue(of, id);
        expect(externalOf(value)).toEqual({ source: of, id });
      }),
    );
  });

  it('keeps a source as it came', () => {
    expect(identifiersOf({ external_id: 'x', external_source: 'c d%20' }, 'US').external_source).toBe('c d%20');
    expect(identifiersOf({ external_id: 'x', external_source: '  ' }, 'US').external_source).toBe('');
  });

  it('reads what it has read as the same again, and nothing makes it throw', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), fc.string({ unit: 'binary' }), (id, phone, email) => {
        const first = identifiersOf({ user_id: id, external_id: id, external_source: phone, phone, email }, 'US');
        const { unread_phone, unread_email, ...read } = first;
        expect(unread_phone?.length ?? 0).toBeLessThanOrEqual(300);
        expect(unread_email ?? '').not.toMatch(/[\p{Cc}\p{Cs}]/u);
        expect(identifiersOf(read, 'US')).toEqual({ ...read, unread_phone: null, unread_email: null });
      }),
    );
  });
});
