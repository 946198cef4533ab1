import { describe, expect, it } from 'vitest';
import { randomFrom } from '../carts/testing/random.ts';
import { KeyIndex } from './key-index.ts';
import { ScannableStore } from './scannable-store.ts';
import { MemoryStore } from './state-store.ts';

const keysOf = (entries: Iterable<[string, Buffer]>): string[] => [...entries].map(([key]) => key);

function storeOf(prefixes: readonly string[], keys: readonly string[]): ScannableStore {
  const store = new ScannableStore(new MemoryStore(), prefixes);
  for (const key of keys) store.put(key, Buffer.from(key));
  return store;
}

describe('KeyIndex', () => {
  it('finds the next key as a sorted list does, through thousands of additions and removals', () => {
    const random = randomFrom(7);
    const index = new KeyIndex();
    const expected = new Set<string>();
    for (let i = 0; i < 20_000; i++) {
      const key = `k${random.below(6_000)}`;
      if (random.chance(i < 12_000 ? 0.8 : 0.3)) {
        index.add(key);
        expected.add(key);
      } else {
        index.delete(key);
        expected.delete(key);
      }
      if (i % 200 !== 0) continue;
      const sorted = [...expected].sort();
      expect(index.size).toBe(sorted.length);
      const from = `k${random.below(6_000)}`;
      expect(index.atOrAfter(from)).toBe(sorted.find((other) => other >= from));
    }
    const found: string[] = [];
    for (let key = index.atOrAfter(''); key !== undefined; key = index.atOrAfter(`${key}\0`)) found.push(key);
    expect(found).toEqual([...expected].sort());
  });
});

describe('a scan of a prefix', () => {
  it('yields its entries in the order of their keys, whatever the order of the puts', () => {
    const store = storeOf(['t/'], ['t/b', 'u', 't/', 't/a\u{1F600}', 't', 't/aé', 't/a', 's/z']);
    expect(keysOf(store.scan('t/'))).toEqual(['t/', 't/a', 't/aé', 't/a\u{1F600}', 't/b']);
    expect(keysOf(store.scan('t/a'))).toEqual(['t/a', 't/aé', 't/a\u{1F600}']);
    expect(keysOf(store.scan('t/', 't/aé'))).toEqual(['t/aé', 't/a\u{1F600}', 't/b']);
    expect(keysOf(store.scan('t/x'))).toEqual([]);
  });

  it('sees what is written while it runs, behind the current entry', () => {
    const store = storeOf(['t/'], ['t/1', 't/3', 't/5']);
    const seen: string[] = [];
    for (const [key, value] of store.scan('t/')) {
      seen.push(`${key} ${String(value)}`);
      store.delete(key);
      if (key === 't/1') {
        store.put('t/0', Buffer.from('new'));
        store.put('t/2', Buffer.from('new'));
        store.put('t/3', Buffer.from('changed'));
        store.delete('t/5');
      }
    }
    expect(seen).toEqual(['t/1 t/1', 't/2 new', 't/3 changed']);
    expect(keysOf(store.scan('t/'))).toEqual(['t/0']);
  });

  it('finds the entries of a prefix that is within another one', () => {
    const store = storeOf(['t/a', 't/'], ['t/a1', 't/b', 't/a']);
    expect(keysOf(store.scan('t/'))).toEqual(['t/a', 't/a1', 't/b']);
    expect(keysOf(store.scan('t/a'))).toEqual(['t/a', 't/a1']);
  });

  it('is refused for a prefix that was not declared', () => {
    expect(() => keysOf(storeOf(['t/'], []).scan('u/'))).toThrow('has not declared');
    expect(() => keysOf(storeOf(['t/'], []).scan('t'))).toThrow('has not declared');
  });
});
