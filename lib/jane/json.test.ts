import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { memberText, parseJson } from './json.ts';
import { Unusable } from './unusable.ts';

const parse = (text: string | Uint8Array) => parseJson(typeof text === 'string' ? Buffer.from(text) : text);
function valueOf(text: string) {
  const parsed = parse(text);
  if (parsed instanceof Unusable) throw new Error(parsed.message);
  return parsed.value;
}

/** The same with doubles in place of exact integers: what JSON.parse makes of them. */
function rounded(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(rounded);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, rounded(member)]));
}

describe('parseJson', () => {
  it('agrees with JSON.parse on whatever JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), (value) => {
        const text = JSON.stringify(value);
        expect(rounded(valueOf(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('agrees with JSON.parse also where long integers take it the exact way', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: 'binary' }), fc.bigInt({ min: 10n ** 17n }), (value, long) => {
        const text = `{"long":${long},"rest":${JSON.stringify(value, null, 2)},"again":[-${long}]}`;
        expect(valueOf(text)).toMatchObject({ long, again: [-long] });
        expect(rounded(valueOf(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('keeps 400 characters of an integer exactly, and makes nothing but infinity of a longer one', () => {
    const digits = (count: number): string => '9'.repeat(count);
    const shapes = [400, 401, 250_000, 1_048_000].map((count) => valueOf(`{"id":${digits(count)}}`));
    expect(shapes).toEqual([{ id: BigInt(digits(400)) }, ...Array<object>(3).fill({ id: Infinity })]);
    expect(valueOf(`[-${digits(399)},-${digits(400)}]`)).toEqual([-BigInt(digits(399)), -Infinity]);
  });

  it('keeps the digits of integers that a double cannot hold, and only of those', () => {
    expect(valueOf('[9007199254740991,9007199254740993,-9007199254740993,1e22,9007199254740993.5]')).toEqual([
      9007199254740991,
      9007199254740993n,
      -9007199254740993n,
      1e22,
      9007199254740994,
    ]);
  });

  it('leaves digits in texts alone', () => {
    expect(valueOf('{"a":"12345678901234567890","b\\"12345678901234567890":1}')).toEqual({
      a: '12345678901234567890',
      'b"12345678901234567890': 1,
    });
  });

  it.each(['{"__proto__":{"cart":1},"n":1}', '{"__proto__":{"cart":1},"n":12345678901234567890}'])(
    'takes __proto__ for a member like any other: %s',
    (text) => {
      const value = valueOf(text) as Record<string, unknown>;
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
      expect(value['cart']).toBeUndefined();
      expect(Object.hasOwn(value, '__proto__')).toBe(true);
    },
  );

  it.each(['{"a":1,"a":2,"n":1}', '{"a":1,"a":2,"n":12345678901234567890}'])(
    'takes the last of a repeated key: %s',
    (text) => expect((valueOf(text) as Record<string, unknown>)['a']).toBe(2),
  );

  it('takes 64 levels', () => expect(parse('['.repeat(64) + ']'.repeat(64))).not.toBeInstanceOf(Unusable));

  it('skips a byte order mark', () => expect(valueOf('\ufeff{"a":1}')).toEqual({ a: 1 }));

  it.each([
    ['', 'not_json'],
    ['{', 'not_json'],
    ['{"a":1}x', 'not_json'],
    ['{"a":NaN}', 'not_json'],
    ['{"a":Infinity}', 'not_json'],
    ["{'a':1}", 'not_json'],
    ['{"a":12345678901234567890', 'not_json'],
    ['"\u0001"', 'not_json'],
    ['['.repeat(65) + ']'.repeat(65), 'too_deep'],
    ['{"a":'.repeat(100_000), 'too_deep'],
  ])('refuses %.40j', (text, reason) => expect(parse(text)).toMatchObject({ reason }));

  it('counts brackets in texts as text', () =>
    expect(valueOf(`["${'['.repeat(100)}\\"${'['.repeat(100)}"]`)).toEqual([`${'['.repeat(100)}"${'['.repeat(100)}`]));

  it('refuses what is not UTF-8', () => {
    expect(parse(Uint8Array.of(0x22, 0xff, 0x22))).toMatchObject({ reason: 'not_utf8' });
    expect(parse(Uint8Array.of(0x22, 0xed, 0xa0, 0x80, 0x22))).toMatchObject({ reason: 'not_utf8' });
  });

  it('says where, and never quotes what was sent', () => {
    const refused = parse('{"customer_name": "Jane Doe", oops}') as Unusable;
    expect(refused.message).toMatch(/30/);
    expect(refused.message).not.toMatch(/Jane|oops/);
  });
});

describe('memberText', () => {
  it.each<[string, string | undefined]>([
    ['{"body" : {"id":12345678901234567890, "a":41.80}\n}', '{"id":12345678901234567890, "a":41.80}'],
    ['{"other":{"body":1},"body":[{"body":2},"}"]}', '[{"body":2},"}"]'],
    ['{"body":1,"body":"two \\" three"}', '"two \\" three"'],
    ['{"\\u0062ody":null}', 'null'],
    ['{"a":"body","b":["body",":",1]}', undefined],
    ['{}', undefined],
  ])('of %s', (text, expected) => expect(memberText(text, 'body')).toBe(expected));

  it('is what JSON.parse takes', () => {
    const member = fc.tuple(fc.constantFrom('body', 'a', '"', '__proto__'), fc.jsonValue({ stringUnit: 'binary' }));
    fc.assert(
      fc.property(fc.array(member), (members) => {
        const text = `{${members.map(([name, value]) => `${JSON.stringify(name)}: ${JSON.stringify(value, null, 1)}`).join()}}`;
        const found = memberText(text, 'body');
        expect(found === undefined ? undefined : JSON.parse(found)).toEqual(JSON.parse(text).body);
      }),
    );
  });

  it('takes long texts', () => {
    const long = JSON.stringify('x\n'.repeat(1_000_000));
    expect(memberText(`{"body":{"note":${long}}}`, 'body')).toBe(`{"note":${long}}`);
  });
});
