import { describe, expect, it } from 'vitest';
import { systemClock } from './clock.ts';
import { ManualClock } from './testing.ts';

describe('the manual clock', () => {
  it('wakes sleepers in the order of their times, each at its own time', async () => {
    const clock = new ManualClock(1_000);
    const woken: [string, number][] = [];
    const sleeper = async (name: string, ...pausesMs: number[]): Promise<void> => {
      for (const ms of pausesMs) {
        await clock.sleep(ms);
        woken.push([name, clock.elapsedMs()]);
      }
    };
    void sleeper('a', 30, 5);
    void sleeper('b', 10, 22);
    await clock.advance(33);
    expect(woken).toEqual([
      ['b', 10],
      ['a', 30],
      ['b', 32],
    ]);
    expect([clock.elapsedMs(), clock.wallMs(), clock.nextWakeMs]).toEqual([33, 1_033, 35]);
  });

  it('ends a sleep when its signal is aborted', async () => {
    const clock = new ManualClock();
    const controller = new AbortController();
    const asleep = clock.sleep(1_000, controller.signal);
    controller.abort();
    await asleep;
    await clock.sleep(1_000, controller.signal);
    expect(clock.nextWakeMs).toBeNull();
  });
});

describe('the system clock', () => {
  it('ends a sleep when its signal is aborted, also one that was aborted before', async () => {
    const controller = new AbortController();
    const asleep = systemClock.sleep(60_000, controller.signal);
    controller.abort();
    await asleep;
    await systemClock.sleep(60_000, controller.signal);
  });

  it('does not end a sleep at once that is longer than a timer can be', async () => {
    const controller = new AbortController();
    let awake = false;
    const asleep = systemClock.sleep(Infinity, controller.signal).then(() => (awake = true));
    await systemClock.sleep(5);
    expect(awake).toBe(false);
    controller.abort();
    await asleep;
  });
});
