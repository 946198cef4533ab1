import { describe, expect, it } from 'vitest';
import { contractSuite } from '../../test/system/streams-contract-suite.ts';
import { describe as describeTopology } from './describe.ts';
import { TestDriver } from './test-driver.ts';
import { TEST_OUTPUT, decodeState, encodeEvent, testTopology, type TestEvent } from './testing.ts';

const topology = testTopology('test');

contractSuite('the TestDriver', () => {
  let driver = new TestDriver(topology);
  const kept: { key: string; value: Buffer }[] = [];
  return Promise.resolve({
    pipe: (key, event) => Promise.resolve(driver.pipe(key, encodeEvent(event), { appendTimeMs: 0 })),
    outputs: () => {
      const all = [...kept, ...driver.outputs(TEST_OUTPUT)];
      const parsed = all.map(({ key, value }) => ({
        key,
        value: JSON.parse(value.toString()) as Record<string, unknown>,
      }));
      return Promise.resolve(parsed);
    },
    state: () => Promise.resolve(new Map([...driver.state()].map(([key, value]) => [key, decodeState(value)]))),
    restart: () => {
      kept.push(...driver.outputs(TEST_OUTPUT));
      const snapshot = driver.snapshot();
      driver = new TestDriver(topology);
      driver.restore(snapshot);
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});

describe('TestDriver', () => {
  it('moves the clock by a tick of the topology', () => {
    const driver = new TestDriver(testTopology('test', 'producer'));
    driver.pipe('a', { at: 1_000, op: 'count', due: 5_000 }, { appendTimeMs: 1_000 });
    driver.advance(5_000);
    expect(driver.outputs(TEST_OUTPUT)).toHaveLength(1);
    driver.advance(5_001);
    expect(driver.outputs(TEST_OUTPUT)).toHaveLength(2);
    expect([driver.logTimeMs, driver.nextOffset, driver.earliestDueMs]).toEqual([5_001, 3, undefined]);
  });

  it('gives the same bytes when it is restored at any record', () => {
    const events: [string, TestEvent][] = Array.from({ length: 60 }, (_, i) => [
      `k${(i * 7) % 9}`,
      { at: i * 10, op: i % 11 === 10 ? 'drop' : 'count', ...(i % 3 === 0 ? { due: i * 10 + ((i * 37) % 90) } : {}) },
    ]);
    const whole = new TestDriver(topology);
    for (const [key, event] of events) whole.pipe(key, event, { appendTimeMs: 0 });
    for (let cut = 0; cut <= events.length; cut++) {
      const first = new TestDriver(topology);
      for (const [key, event] of events.slice(0, cut)) first.pipe(key, event, { appendTimeMs: 0 });
      const second = new TestDriver(topology);
      second.restore(first.snapshot());
      for (const [key, event] of events.slice(cut)) second.pipe(key, event, { appendTimeMs: 0 });
      expect([...first.outputs(TEST_OUTPUT), ...second.outputs(TEST_OUTPUT)]).toEqual(whole.outputs(TEST_OUTPUT));
      expect([...second.state()].sort()).toEqual([...whole.state()].sort());
    }
  });
});

describe('describe', () => {
  it('prints a topology', () => {
    expect(describeTopology(topology)).toBe(
      [
        'topology test',
        '  reads      cart-events (one task per partition, group test)',
        '  writes     trait-events',
        '  keeps      test-changelog (compacted, partitioned as cart-events)',
        '  deadlines  by log time, earliest first; a tick is appended to cart-events when one is due and no record arrives',
        '  commits    input offset, state and outputs of a task in one transaction',
        '',
      ].join('\n'),
    );
  });
});
