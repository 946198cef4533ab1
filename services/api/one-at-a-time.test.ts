import { expect, it } from 'vitest';
import { oneAtATime } from './one-at-a-time.ts';

it('runs the tasks of one key in order, also after one that failed, and those of other keys meanwhile', async () => {
  const inTurn = oneAtATime();
  const log: string[] = [];
  let release: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const first = inTurn('a', async () => {
    log.push('a1 begins');
    await held;
    log.push('a1 ends');
    throw new Error('failed');
  });
  const second = inTurn('a', () => Promise.resolve(log.push('a2')));
  await inTurn('b', () => Promise.resolve(log.push('b1')));
  release();
  await expect(first).rejects.toThrow('failed');
  await second;
  expect(log).toEqual(['a1 begins', 'b1', 'a1 ends', 'a2']);
});
