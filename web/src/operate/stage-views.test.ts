import { describe, expect, it } from 'vitest';
import type { Partition } from './advice.ts';
import type { Stage } from '../data/api.ts';
import { partitionWords, stageView, statusView } from './stage-views.ts';

const partition = (change: Partial<Partition> = {}): Partition => ({
  partition: 0,
  position: 100,
  end: 100,
  lag: 0,
  log_time: '2026-03-17T12:00:00.000Z',
  earliest_due: null,
  state: 'running',
  problem: null,
  url: 'http://127.0.0.1:7013',
  ...change,
});
const stage = (change: Partial<Stage> = {}): Stage => ({
  stage: 'carts',
  state: 'running',
  urls: ['http://127.0.0.1:7013'],
  topic: 'cart-events',
  position: 100,
  lag: 0,
  fresh_through: '2026-03-17T12:00:00.000Z',
  behind_ms: 0,
  partitions: [partition()],
  ...change,
});
const status = (stages: Stage[], change: Partial<Parameters<typeof statusView>[0]> = {}) =>
  statusView({
    now: '2026-03-17T12:00:01.000Z',
    state: 'running',
    fresh_through: '2026-03-17T12:00:00.000Z',
    stages,
    engines: [{ engine: 'kafka', state: 'running' }],
    ...change,
  });

describe('a stage', () => {
  it('is up to date without waiting records, however old the last proof of that is', () => {
    expect(stageView(stage({ behind_ms: 900_000 }))).toMatchObject({ tone: 'good', words: 'up to date', behindMs: 0 });
  });

  it('says how many records wait, and is busy once it is noticeably behind', () => {
    expect(stageView(stage({ lag: 12, behind_ms: 400 }))).toMatchObject({
      tone: 'good',
      words: '12 waiting, 0.4 s behind',
    });
    expect(stageView(stage({ lag: 1_204, behind_ms: 45_000 }))).toMatchObject({
      tone: 'busy',
      words: '1,204 waiting, 45 s behind',
    });
    expect(stageView(stage({ lag: null, behind_ms: null })).words).toBe('position unknown');
  });

  it('says in how many partitions it is stopped, or that all of it is', () => {
    const partitions = [partition(), partition({ partition: 1, state: 'stopped' })];
    expect(stageView(stage({ state: 'stopped', partitions }))).toMatchObject({
      tone: 'bad',
      words: 'stopped in 1 of 2 partitions',
    });
    expect(stageView(stage({ state: 'stopped', partitions: partitions.slice(1) })).words).toBe('stopped');
  });

  it('without a topic answers or does not', () => {
    const ingest = { stage: 'ingest', topic: null, partitions: [], lag: null, behind_ms: null };
    expect(stageView(stage(ingest))).toMatchObject({ title: 'Ingest', tone: 'good', words: 'ready' });
    expect(stageView(stage({ ...ingest, state: 'stopped' })).words).toBe('does not answer');
  });

  it('that is not known keeps its name', () => {
    expect(stageView(stage({ stage: 'flows' })).title).toBe('Flows');
  });

  it('shows each partition with its state, and what to do about a stopped one', () => {
    const view = stageView(
      stage({
        partitions: [
          partition(),
          partition({ partition: 1, lag: 7 }),
          partition({ partition: 2, state: 'restoring', lag: null }),
          partition({ partition: 3, state: 'stopped', url: null, lag: null }),
        ],
      }),
    );
    expect(view.partitions.map(({ tone, words }) => `${tone}: ${words}`)).toEqual([
      'good: up to date',
      'busy: 7 waiting',
      'pausing: reading its state back',
      'bad: No process works on this partition',
    ]);
  });
});

describe('the status', () => {
  it('is one sentence', () => {
    expect(status([stage()])).toMatchObject({ tone: 'good', headline: 'Everything is running and up to date' });
    expect(status([stage()], { fresh_through: '2026-03-17T11:59:00.000Z' })).toMatchObject({
      tone: 'busy',
      headline: 'Everything is running, 1 min behind',
    });
    expect(status([stage()], { fresh_through: null }).headline).toContain('freshness is unknown');
    const waiting = stage({ state: 'waiting', partitions: [partition({ state: 'waiting' })] });
    expect(status([waiting])).toMatchObject({ tone: 'pausing', headline: 'Carts: opens again by itself' });
    const stopped = stage({ state: 'stopped', partitions: [partition({ state: 'stopped' })] });
    expect(status([stopped, waiting])).toMatchObject({ tone: 'bad', headline: 'Carts: stopped' });
    expect(status([stopped, { ...stopped, stage: 'sink' }]).headline).toBe('2 stages are stopped');
    const away = { engines: [{ engine: 'clickhouse', state: 'stopped' }] as const };
    expect(status([stopped], { engines: [...away.engines] })).toMatchObject({
      tone: 'bad',
      headline: 'ClickHouse does not answer',
    });
  });

  it('lists what needs somebody: one entry for partitions that share a problem, one for each failing record', () => {
    const failing = (number: number, offset: number): Partition =>
      partition({
        ...{ partition: number, state: 'stopped' },
        problem: { reason: 'failing_record', offset, part: 'record', detail: null },
      });
    const partitions = [0, 1].map((number) => partition({ partition: number, state: 'stopped', url: null }));
    const { attention } = status([
      stage({ state: 'stopped', partitions: [failing(0, 7), failing(1, 7)] }),
      stage({ stage: 'sink', state: 'stopped', topic: 'trait-events', partitions }),
    ]);
    expect(attention.map(({ stage: id, partitions: shared }) => [id, shared])).toEqual([
      ['carts', [0]],
      ['carts', [1]],
      ['sink', [0, 1]],
    ]);
  });

  it('names partitions', () => {
    expect(partitionWords([3], 8)).toBe('partition 3');
    expect(partitionWords([0], 1)).toBe('partition 0');
    expect(partitionWords([0, 2, 5], 8)).toBe('partitions 0, 2 and 5');
    expect(partitionWords([0, 1], 2)).toBe('all 2 partitions');
  });
});
