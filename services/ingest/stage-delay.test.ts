import { beforeEach, describe, expect, it } from 'vitest';
import { StageDelay } from './stage-delay.ts';

const running = (...positions: (number | null)[]) =>
  positions.map((position, partition) => ({ partition, position, state: 'running' as const }));

let delay: StageDelay;
beforeEach(() => {
  delay = new StageDelay();
});

describe('the delay of a stage', () => {
  it('is none where everything is processed', () => {
    expect(delay.sample({ ends: [0, 7], positions: running(0, 7) }, 1_000)).toBe(0);
  });

  it('is the waiting time of the oldest unprocessed record, of the partition that is furthest behind', () => {
    delay.sample({ ends: [10, 10], positions: running(10, 10) }, 0);
    expect(delay.sample({ ends: [20, 10], positions: running(10, 10) }, 100)).toBe(0);
    expect(delay.sample({ ends: [30, 20], positions: running(10, 10) }, 300)).toBe(200);
    // The records up to 20 are processed; those up to 30 were seen at 300 first.
    expect(delay.sample({ ends: [30, 20], positions: running(20, 10) }, 400)).toBe(100);
    expect(delay.sample({ ends: [30, 20], positions: running(30, 20) }, 500)).toBe(0);
  });

  it('does not depend on the throughput', () => {
    for (let i = 0; i < 50; i++) {
      const end = i * 10_000;
      const delayMs = delay.sample({ ends: [end], positions: running(Math.max(0, end - 10_000)) }, i * 100);
      expect(delayMs).toBe(0);
    }
  });

  it('counts a partition whose position is unknown as not processed', () => {
    delay.sample({ ends: [5, 0], positions: running(null, null) }, 0);
    expect(delay.sample({ ends: [5, 0], positions: running(null, null) }, 500)).toBe(500);
    expect(delay.sample({ ends: [5, 0], positions: [] }, 700)).toBe(700);
    expect(delay.sample({ ends: [5, 0], positions: running(5, 0) }, 800)).toBe(0);
  });

  it('leaves a stopped partition out, and counts it again once it runs', () => {
    const stopped = [{ partition: 0, position: 0, state: 'stopped' as const }];
    delay.sample({ ends: [9], positions: stopped }, 0);
    expect(delay.sample({ ends: [9], positions: stopped }, 500)).toBe(0);
    expect([...delay.leftOut]).toEqual([0]);
    expect(delay.sample({ ends: [9], positions: running(3) }, 600)).toBe(600);
    expect([...delay.leftOut]).toEqual([]);
  });

  it('leaves a partition out that makes no progress for 30 seconds', () => {
    delay.sample({ ends: [9], positions: running(0) }, 0);
    expect(delay.sample({ ends: [9], positions: running(0) }, 29_900)).toBe(29_900);
    expect(delay.sample({ ends: [9], positions: running(0) }, 30_000)).toBe(0);
    expect(delay.sample({ ends: [9], positions: running(4) }, 30_100)).toBe(30_100);
  });

  it('begins again when nothing was measured for a while', () => {
    delay.sample({ ends: [9], positions: running(0) }, 0);
    delay.forget(60_000);
    expect(delay.sample({ ends: [9], positions: running(0) }, 60_000)).toBe(0);
    expect([...delay.leftOut]).toEqual([]);
    expect(delay.sample({ ends: [9], positions: running(0) }, 60_300)).toBe(300);
  });

  it('remembers a bounded number of ends', () => {
    for (let i = 0; i < 10_000; i++) delay.sample({ ends: [i + 1], positions: running(0) }, i);
    // Records that came later count for as old as the last end that is remembered.
    expect(delay.sample({ ends: [10_000], positions: running(9_999) }, 10_000)).toBe(10_000 - 599);
  });
});
