import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../clock/testing.ts';
import { Progress, type StagePosition, type Target } from '../telemetry/index.ts';
import { SINK } from './stages.ts';
import { StageWatcher } from './watcher.ts';

/** Members of the sink with partitions 0 and 1; their answers wait as those of a health server do. */
class Members {
  readonly positions = [0, 0];
  readonly requests: { url: string; target: Target }[] = [];
  private readonly progress: Progress[];

  /** @param owned the partitions of each member */
  constructor(
    private readonly clock: ManualClock,
    private readonly owned: readonly number[][],
  ) {
    this.progress = owned.map((partitions) => {
      const progress = new Progress(() => partitions.map((partition) => this.at(partition)), clock);
      progress.announced();
      return progress;
    });
  }

  private at(partition: number): StagePosition {
    const log = { end: null, logTimeMs: null, earliestDueMs: null };
    const position = this.positions[partition]!;
    return { ...{ stage: 'sink', topic: SINK.topic, partition, position }, ...log, state: 'running' };
  }

  async move(partition: number, position: number): Promise<void> {
    this.positions[partition] = position;
    for (const progress of this.progress) progress.moved(SINK.topic, partition, position);
    await this.clock.advance(0);
  }

  readonly watcher = (): StageWatcher =>
    new StageWatcher(SINK, {
      clock: this.clock,
      kafka: {
        describeGroup: () =>
          Promise.resolve({
            state: 'Stable',
            members: this.owned.map((partitions, n) => ({ memberId: String(n), url: `http://${n}`, partitions })),
          }),
      },
      positionsOf: (url, target) => {
        this.requests.push({ url, target: target! });
        return this.progress[Number(url.at(-1))]!.reach(target!);
      },
    });
}

const { signal } = new AbortController();
let clock: ManualClock;
let members: Members;
let watcher: StageWatcher;
let passed: string[];
function begin(owned: readonly number[][]): void {
  clock = new ManualClock();
  members = new Members(clock, owned);
  watcher = members.watcher();
  passed = [];
}
beforeEach(() => begin([[0], [1]]));

async function wait(name: string, ends: number[], partitions?: number[]): Promise<void> {
  void watcher.pass(ends, { signal, partitions }).then(() => passed.push(name));
  await clock.advance(0);
}

describe('those who wait for a stage', () => {
  it('are done as soon as it has passed, with one request to each owner', async () => {
    await wait('both', [5, 7]);
    await members.move(0, 5);
    await clock.advance(20);
    expect(passed).toEqual([]);
    await members.move(1, 9);
    expect(passed).toEqual(['both']);
    expect(members.requests.map(({ url }) => url)).toEqual(['http://0', 'http://1']);
    await clock.advance(10_000);
    expect(members.requests).toHaveLength(2);
  });

  it('are done in the order of their coming, without a pause in between', async () => {
    await wait('first', [5], [0]);
    await wait('second', [6], [0]);
    await wait('third', [6], [0]);
    await members.move(0, 5);
    expect(passed).toEqual(['first']);
    await members.move(0, 6);
    expect(passed).toEqual(['first', 'second', 'third']);
    expect(clock.elapsedMs()).toBe(0);
  });

  it('do not wait for more than the first of them needs', async () => {
    begin([[0, 1]]);
    await wait('first', [1, 3]);
    await wait('second', [9, 3]);
    await members.move(0, 1);
    await clock.advance(200);
    // The second one needs more of partition 0; the first one only waits for partition 1.
    await members.move(1, 3);
    expect(passed).toEqual(['first']);
    await members.move(0, 9);
    expect(passed).toEqual(['first', 'second']);
  });

  it('are asked for again when a later one needs less', async () => {
    await wait('more', [9], [0]);
    await members.move(0, 4);
    await wait('less', [4], [0]);
    expect(passed).toEqual(['less']);
  });

  it('do not wait for those who need other partitions', async () => {
    await wait('stuck', [5, 5]);
    await wait('one', [0, 3], [1]);
    await members.move(1, 3);
    expect(passed).toEqual(['one']);
  });

  it('are asked for again while a stage is behind, a few times a second', async () => {
    await wait('late', [5], [0]);
    await clock.advance(10_000);
    expect(members.requests.length).toBeGreaterThan(20);
    expect(members.requests.length).toBeLessThan(60);
    await members.move(0, 5);
    expect(passed).toEqual(['late']);
  });
});
