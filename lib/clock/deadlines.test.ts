import { describe, expect, it } from 'vitest';
import { Deadlines } from './deadlines.ts';
import { ManualClock } from './testing.ts';

describe('deadlines', () => {
  it('come each at its time, unless they were ended before', async () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock, 100);
    const expired: [string, number][] = [];
    const start = (name: string) => deadlines.start(() => expired.push([name, clock.elapsedMs()]));
    start('a');
    const endB = start('b');
    await clock.advance(60);
    start('c');
    endB();
    await clock.advance(39);
    expect(expired).toEqual([]);
    await clock.advance(1_000);
    expect(expired).toEqual([
      ['a', 100],
      ['c', 160],
    ]);
  });

  it('sleep once for all of them, and not at all without any', async () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock, 100);
    for (let i = 0; i < 1_000; i++) deadlines.start(() => expect.fail('it was ended'))();
    await clock.advance(100);
    expect(clock.nextWakeMs).toBeNull();
    let late = 0;
    deadlines.start(() => (late = clock.elapsedMs()));
    await clock.advance(100);
    expect(late).toBe(200);
  });

  it('keep their time after a close, and leave no sleep behind once they are over', async () => {
    const clock = new ManualClock();
    const deadlines = new Deadlines(clock, 100);
    const expired: number[] = [];
    const start = () => deadlines.start(() => expired.push(clock.elapsedMs()));
    const end = start();
    deadlines.close();
    expect(clock.nextWakeMs).toBe(100);
    end();
    expect(clock.nextWakeMs).toBeNull();
    await clock.advance(50);
    start();
    await clock.advance(99);
    expect(expired).toEqual([]);
    await clock.advance(1);
    expect(expired).toEqual([150]);
  });
});
