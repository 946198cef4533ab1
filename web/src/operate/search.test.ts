import { describe, expect, it } from 'vitest';
import { lettersSearch, statusSearch } from './search.ts';
import { reasonWords, sourceOf } from './words.ts';

describe('addresses', () => {
  it('hold a dead letter and filters, and ignore everything else', () => {
    expect(lettersSearch({ id: 'dl_1', source: 'webhook', reason: 'not_json', more: 1 })).toEqual({
      id: 'dl_1',
      source: 'webhook',
      reason: 'not_json',
    });
    expect(lettersSearch({ id: 17, source: 'toString', reason: '' })).toEqual({ id: '17' });
    expect(lettersSearch({ id: null, source: ['webhook'] })).toEqual({});
  });

  it('hold the stage that is open', () => {
    expect(statusSearch({ stage: 'carts' })).toEqual({ stage: 'carts' });
    expect(statusSearch({})).toEqual({});
  });
});

describe('dead letters', () => {
  it('show where they came from and why', () => {
    expect(sourceOf({ source: 'events', line: 12 })).toBe('Import of events, line 12');
    expect(sourceOf({ source: 'webhook', line: null })).toBe('Webhook');
    expect([reasonWords('not_json'), reasonWords('missing_cart_id')]).toEqual(['not JSON', 'missing cart id']);
  });
});
