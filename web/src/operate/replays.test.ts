import { expect, it } from 'vitest';
import { replayResult, selectedOf } from './replays.ts';

it('replays of the chosen dead letters those that are on display', () => {
  const shown = ['a', 'c'].map((dead_letter_id) => ({ dead_letter_id }));
  expect([...selectedOf(shown, new Set(['a', 'b']))]).toEqual(['a']);
  expect([...selectedOf(shown, new Set(['b']))]).toEqual([]);
});

it('reports how many were replayed, and why the others were not', () => {
  expect(replayResult(3, [])).toMatchObject({ title: '3 of 3 replayed', message: 'They are being processed.' });
  expect(replayResult(3, ['no cart id'])).toMatchObject({
    title: '2 of 3 replayed',
    message: 'The other one still cannot be used: no cart id',
  });
  expect(replayResult(3, ['no cart id', 'x']).message).toContain('The others still');
});
