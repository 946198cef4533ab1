import { describe, expect, it } from 'vitest';
import { kindsOf, lookupQuery, readPeopleSearch, searchOf } from './identify.ts';

describe('kindsOf', () => {
  it.each([
    ['jane@example.com', 'email'],
    [' Jane@Example ', 'email'],
    ['+1 808 555 0143', 'phone'],
    ['(808) 555-0143', 'phone'],
    ['8085550143', 'phone'],
    ['555-0143', 'phone'],
    ['12', 'user_id'],
    ['12345678', 'user_id'],
    ['c-9', 'user_id'],
    ['4e3f3d3c-6a55-4f0c-9d56-0d6d0f6f7a11', 'user_id'],
    ['1234567890123456', 'user_id'],
  ])('takes %o for a %s', (text, kind) => {
    expect(kindsOf(text)[0]).toBe(kind);
  });

  it('knows what else it may be, and nothing for nothing', () => {
    expect(kindsOf('8085550143')).toEqual(['phone', 'user_id', 'external_user_id', 'person_id']);
    expect(kindsOf('c-9')).toEqual(['user_id', 'external_user_id']);
    expect(kindsOf('12345678')).toContain('phone');
    expect(kindsOf('99999999999')).not.toContain('person_id');
    expect(kindsOf('  ')).toEqual([]);
  });
});

describe('the address of a search', () => {
  it('gives a look-up, of the kind that was chosen or recognised', () => {
    expect(searchOf(readPeopleSearch({ q: ' jane@example.com ' }))).toEqual({
      kind: 'email',
      value: 'jane@example.com',
    });
    // The router reads digits as a number.
    expect(searchOf(readPeopleSearch({ q: 8085550143, kind: 'user_id' }))).toEqual({
      kind: 'user_id',
      value: '8085550143',
    });
    expect(searchOf(readPeopleSearch({ q: 'c-9', kind: 'external_user_id', source: 'crm', other: 1 }))).toEqual({
      kind: 'external_user_id',
      value: 'c-9',
      source: 'crm',
    });
    expect(searchOf(readPeopleSearch({ q: '', kind: 'moon' }))).toBeNull();
  });

  it('becomes the parameters that the API takes', () => {
    expect(lookupQuery({ kind: 'phone', value: '+1', source: 'crm' })).toEqual({ phone: '+1' });
    expect(lookupQuery({ kind: 'external_user_id', value: 'c-9', source: 'crm' })).toEqual({
      external_user_id: 'c-9',
      external_user_source: 'crm',
    });
    expect(lookupQuery({ kind: 'external_user_id', value: 'c-9' })).toEqual({ external_user_id: 'c-9' });
    expect(lookupQuery({ kind: 'person_id', value: '7' })).toBeNull();
  });
});
