import fc from 'fast-check';
import { getCountries, parsePhoneNumberFromString } from 'libphonenumber-js/min';
import { describe, expect, it } from 'vitest';
import { emailOf, externalOf, externalValue, identifierList, identifiersOf, idOf, phoneOf } from './identifiers.ts';

describe('ids', () => {
  it.each([
    [7, '7'],
    ['7', '7'],
    [9007199254740993n, '9007199254740993'],
    [1e21, '1000000000000000000000'],
    ['00', '00'],
    [' 7', '7'],
    ['7\n', '7'],
    ['\u200b7\ufe0f\ufeff', '7'],
    ['a\u00adb\u200d', 'ab'],
    ['\u200b \ufeff', null],
    ['ABC', 'ABC'],
    ['None of them', 'None of them'],
    [-1, null],
    [-1n, null],
    ...[
      '0 -1 - undefined null none nan n/a na true false unknown guest anonymous',
      'NULL None NaN N/A NA TRUE False Unknown GUEST Anonymous',
    ].flatMap((names) => names.split(' ').map((name): [unknown, null] => [name, null])),
    [' g\u200buest\u00a0', null],
    ['guest1', 'guest1'],
    ['-2', '-2'],
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
    // As Jane writes US numbers: plus and ten digits, without the country code.
    ['+8085550143', 'US', '+18085550143'],
    ['+808-555-0143', 'US', '+18085550143'],
    ['+(808) 555 0143', 'CA', '+18085550143'],
    ['+7875550143', 'PR', '+17875550143'],
    // In a country with another calling code, the number is read as it is written.
    ['+8085550143', 'GB', '+8085550143'],
    ['+4512345678', 'US', '+4512345678'],
    ['+4420794609', 'US', '+4420794609'],
    ['+1 1 808 555 0143', 'US', '+18085550143'],
    ['+44 (0)20 7946 0958', 'US', '+442079460958'],
    ['+1\u200b808\u2060555\ufeff0143', 'US', '+18085550143'],
    ['\ufeff(808)\u200b 555-0143 ', 'US', '+18085550143'],
    // Jane's own example is not a possible number; it is accepted unchanged.
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
    // Placeholders: all digits after the country code are equal, or are 1234567890.
    ['1111111111', 'US', null],
    ['+19999999999', 'US', null],
    ['000-000-0000', 'US', null],
    ['+0000000000', 'US', null],
    ['+5555555555', 'US', null],
    ['+44 7777 777777', 'US', null],
    ['(123) 456-7890', 'US', null],
    ['+1 123 456 7890', 'US', null],
    ['+1234567890', 'US', null],
    ['+1 888 888 8889', 'US', '+18888888889'],
  ])('%j in %s is %j', (text, country, expected) => {
    expect(phoneOf(text, country)).toBe(expected);
    expect(phoneOf(text, country), 'from the cache').toBe(expected);
  });

  it('keeps what countries make of one text apart', () => {
    expect(phoneOf('020 7946 0958', 'GB')).toBe('+442079460958');
    expect(phoneOf('020 7946 0958', 'US')).not.toBe('+442079460958');
  });

  it('reads North American numbers in E.164 as the library does, whatever the default country', () => {
    const digits = fc.tuple(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 0, max: 999_999_999 }));
    const country = fc.constantFrom(...getCountries());
    fc.assert(
      fc.property(digits, country, ([first, rest], defaultCountry) => {
        const text = `+1${first}${String(rest).padStart(9, '0')}`;
        const parsed = parsePhoneNumberFromString(text, { defaultCountry });
        expect(parsed?.isPossible()).toBe(true);
        fc.pre(!/^\+1(\d)\1*$/.test(text));
        expect(phoneOf(text, defaultCountry)).toBe(parsed?.number);
        expect(parsed?.number).toBe(text);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('addresses', () => {
  it.each([
    [' Jane@Example.COM ', 'jane@example.com'],
    ['jane.doe+x@mail.example.co', 'jane.doe+x@mail.example.co'],
    ['ünï@exämple.com', 'ünï@exämple.com'],
    ['j\u00e5ne\u200b@exam\u00adple.com\ufeff', 'j\u00e5ne@example.com'],
    ['.jane..doe.@example.com', '.jane..doe.@example.com'],
    ['"j"@a-b.c', '"j"@a-b.c'],
    [`${'a'.repeat(242)}@example.com`, `${'a'.repeat(242)}@example.com`],
    [`${'a'.repeat(243)}@example.com`, null],
    ['jane@example..com', null],
    ['jane@exa mple.com', null],
    ['\u200b@example.com', null],
    ...[
      'none no noemail no-email noreply no-reply na unknown guest anonymous null undefined',
      'NONE No NoEmail No-Email NoReply NO-REPLY',
    ].flatMap((names) => names.split(' ').map((name): [string, null] => [`${name}@example.com`, null])),
    ['nobody@example.com', 'nobody@example.com'],
    ['guest1@example.com', 'guest1@example.com'],
    ['none+1@example.com', 'none+1@example.com'],
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

describe('a second reading of the text', () => {
  /** Straight from semantics §4, and not from the code. */
  const seen = (text: string): string =>
    [...text]
      .filter((character) => !/\p{Default_Ignorable_Code_Point}/u.test(character))
      .join('')
      .trim();
  const naiveId = (text: string): string | null => {
    const none = ['', '0', '-1', '-', 'undefined', 'null', 'none', 'nan', 'n/a', 'na', 'true', 'false'];
    none.push('unknown', 'guest', 'anonymous');
    return none.includes(seen(text).toLowerCase()) ? null : seen(text);
  };
  const naiveEmail = (text: string): string | null => {
    const address = seen(text).toLowerCase();
    const [local = '', domain = '', ...more] = address.split('@');
    const labels = domain.split('.');
    if (more.length > 0 || address.length > 254 || local === '' || /\s/.test(address)) return null;
    if (labels.length < 2 || labels.some((label) => label === '')) return null;
    const none = ['none', 'no', 'noemail', 'no-email', 'noreply', 'no-reply', 'na', 'unknown', 'guest', 'anonymous'];
    return [...none, 'null', 'undefined'].includes(local) ? null : address;
  };
  const pieces = fc
    .array(
      fc.constantFrom(
        'None',
        'no',
        'GUEST',
        '-',
        '1',
        '0',
        'a',
        'B',
        '@',
        '@',
        '.',
        '.',
        'x.io',
        ' ',
        '\u200b',
        '\ufeff',
        '\u00ad',
        '\ufe0f',
        '\u00a0',
        'n/a',
      ),
      { maxLength: 8 },
    )
    .map((parts) => parts.join(''));

  it('agrees on ids and addresses', () => {
    fc.assert(
      fc.property(pieces, (text) => {
        expect(idOf(text)).toBe(naiveId(text));
        expect(emailOf(text)).toBe(naiveEmail(text));
      }),
      { numRuns: 3_000 },
    );
  });
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

  it('reads a source as an id is read, but knows no placeholders of it', () => {
    const sourceOf = (source: unknown) =>
      identifiersOf({ external_id: 'x', external_source: source }, 'US').external_source;
    expect(sourceOf('c d%20')).toBe('c d%20');
    expect(sourceOf(' \ufeffpos\u200b ')).toBe('pos');
    expect(sourceOf('none')).toBe('none');
    for (const none of ['  ', '\u200b', null, undefined, {}]) expect(sourceOf(none)).toBe('');
  });

  it('keeps nothing of a placeholder, and the text of what cannot be read', () => {
    const read = (phone: string, email: string) => identifiersOf({ phone, email }, 'US');
    expect(read('0000000000', 'noreply@example.com')).toMatchObject({ unread_phone: null, unread_email: null });
    expect(read('555', 'jane')).toMatchObject({ unread_phone: '555', unread_email: 'jane' });
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
