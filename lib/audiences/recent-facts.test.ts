import { expect, it } from 'vitest';
import { RecentFacts } from './recent-facts.ts';

const kept = (recent: RecentFacts<number>, ids: readonly number[]): number[] =>
  ids.filter((id) => recent.get('acme', id) !== undefined);

it('keeps what was read last, in limited memory', () => {
  const recent = new RecentFacts<number>(5, (rows) => rows);
  for (const id of [1, 2]) recent.set('acme', id, 2);
  recent.set('acme', 1, 2);
  recent.set('acme', 3, 2);
  expect(kept(recent, [1, 2, 3])).toEqual([1, 3]);
  recent.delete('acme', 1);
  recent.set('acme', 4, 3);
  expect(kept(recent, [1, 2, 3, 4])).toEqual([3, 4]);
  recent.set('acme', 5, 6);
  expect(kept(recent, [3, 4, 5])).toEqual([3, 4]);
});

it('forgets a workspace, but not another one whose id begins alike', () => {
  const recent = new RecentFacts<number>(4, (rows) => rows);
  recent.set('acme', 1, 2);
  recent.set('acme-2', 1, 2);
  recent.clear('acme');
  recent.set('acme', 2, 2);
  expect(kept(recent, [1, 2])).toEqual([2]);
  expect(recent.get('acme-2', 1)).toBe(2);
});
