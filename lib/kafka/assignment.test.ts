import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  assignSticky,
  decodeAssignment,
  decodeSubscription,
  encodeAssignment,
  encodeSubscription,
} from './assignment.ts';

const member = (owned: number[] = [], generation = -1) => ({ owned, generation });

describe('assignSticky', () => {
  it('gives one member everything', () => {
    expect(assignSticky(new Map([['a', member()]]), 3).get('a')).toEqual([0, 1, 2]);
  });

  it('takes from the one who holds all only what a second one needs', () => {
    const assigned = assignSticky(
      new Map([
        ['a', member([0, 1, 2, 3, 4, 5, 6, 7], 1)],
        ['b', member()],
      ]),
      8,
    );
    expect(assigned.get('a')).toEqual([0, 1, 2, 3]);
    expect(assigned.get('b')).toEqual([4, 5, 6, 7]);
  });

  it('believes the later generation when two claim a partition', () => {
    const assigned = assignSticky(
      new Map([
        ['zombie', member([0, 1], 4)],
        ['owner', member([0, 1], 5)],
      ]),
      2,
    );
    expect(assigned.get('owner')).toEqual([0]);
    expect(assigned.get('zombie')).toEqual([1]);
  });

  it('assigns everything once, balanced, and moves nothing without need', () => {
    const members = fc.dictionary(
      fc.stringMatching(/^[a-z]{1,4}$/),
      fc.record({ owned: fc.uniqueArray(fc.nat(19)), generation: fc.integer({ min: -1, max: 3 }) }),
      { minKeys: 1, maxKeys: 6 },
    );
    fc.assert(
      fc.property(members, fc.integer({ min: 1, max: 20 }), (given, count) => {
        const assigned = assignSticky(new Map(Object.entries(given)), count);
        const all = [...assigned.values()].flat().sort((a, b) => a - b);
        expect(all).toEqual(Array.from({ length: count }, (_, i) => i));
        const sizes = [...assigned.values()].map((list) => list.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        const again = assignSticky(new Map([...assigned].map(([id, owned]) => [id, member(owned, 9)])), count);
        expect([...again].sort()).toEqual([...assigned].sort());
      }),
    );
  });
});

describe('the wire', () => {
  it('carries the subscription, and the assignment', () => {
    const subscription = { url: 'http://127.0.0.1:9', process: 'here/1', owned: [1, 5], generation: 3 };
    expect(decodeSubscription(encodeSubscription('t', subscription))).toEqual(subscription);
    expect(decodeAssignment('t', encodeAssignment('t', [0, 7]))).toEqual([0, 7]);
    expect(decodeAssignment('t', Buffer.alloc(0))).toEqual([]);
  });

  it('reads nothing from what a stranger wrote', () => {
    expect(decodeSubscription(Buffer.from('no'))).toEqual({ url: null, process: null, owned: [], generation: -1 });
  });
});
