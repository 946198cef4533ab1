import { describe, expect, it } from 'vitest';
import { createGate } from './data/api.ts';
import { GROUPS, labelOf, leafOf, otherGroup, timeOf, ABANDONED } from './live/lifecycle.ts';
import { stationsOf } from './live/stages.ts';
import { ago, agoOrDay, clockIn, dayIn, span, stampIn } from './design/time.ts';
import { toneOf } from './design/words.ts';

const AT_MS = Date.parse('2026-03-17T06:30:05Z');

describe('times', () => {
  it('shows how long ago something was, and never a time in the future', () => {
    const words = [-5_000, 1_400, 42_000, 61_000, 3_599_000, 7_200_000, 200_000_000].map((backMs) =>
      ago(AT_MS - backMs, AT_MS),
    );
    expect(words).toEqual(['now', 'now', '42 s', '1 min', '59 min', '2 h', '2 d']);
    expect(agoOrDay('UTC', AT_MS - 7 * 86_400_000, AT_MS)).toBe('7 d');
    expect(agoOrDay('America/Los_Angeles', Date.parse('2021-06-22T04:41:20Z'), AT_MS)).toBe('21 Jun 2021');
  });

  it('shows how long something takes', () => {
    expect([-1, 0, 440, 9_960, 61_000, 7_300_000].map(span)).toEqual(['0 s', '0.0 s', '0.4 s', '10 s', '1 min', '2 h']);
  });

  it('shows the day and time in the zone of the workspace, not of the browser', () => {
    expect(dayIn('America/Los_Angeles', AT_MS)).toBe('2026-03-16');
    expect(dayIn('Asia/Tokyo', AT_MS)).toBe('2026-03-17');
    expect(clockIn('America/Los_Angeles', AT_MS)).toBe('23:30:05 PDT');
    expect(stampIn('America/Los_Angeles', AT_MS)).toBe('16 Mar 2026, 23:30:05 PDT');
  });
});

describe('the board', () => {
  it('has all twelve statuses once, and abandonment', () => {
    const statuses = GROUPS.flatMap(({ cells }) => cells.map(({ status }) => status)).filter((status) => status !== '');
    expect(new Set(statuses).size).toBe(statuses.length);
    expect(statuses.length).toBe(12);
    expect(GROUPS.flatMap(({ cells }) => cells)).toContain(ABANDONED);
  });

  it('shows unknown statuses that were seen, and only those', () => {
    expect(otherGroup(['pending', 'finished'])).toEqual([]);
    const [group] = otherGroup(['pending', 'left_on_moon', 'delivery_arrived']);
    expect(group!.cells.map(({ label }) => label)).toEqual(['Delivery arrived', 'Left on moon']);
  });

  it('asks for people by trait, status and time', () => {
    const finished = GROUPS.flatMap(({ cells }) => cells).find(({ status }) => status === 'finished')!;
    expect(leafOf(finished, timeOf('today', 'America/Los_Angeles', AT_MS))).toEqual({
      trait: 'cart_status_updated',
      status: ['finished'],
      time: { operator: 'on', date: '2026-03-16' },
    });
    expect(leafOf(ABANDONED, timeOf('half-hour', 'UTC', AT_MS))).toEqual({
      trait: 'cart_abandoned',
      time: { operator: 'in_last', amount: 30, unit: 'minutes' },
    });
  });

  it('names and colours what it shows', () => {
    expect(labelOf('cart_abandoned', '')).toBe('Abandoned');
    expect(labelOf('cart_status_updated', 'staff_member_review')).toBe('Staff review');
    expect(['', 'preparing', 'finished', 'dismissed'].map((status) => toneOf('cart_status_updated', status))).toEqual([
      'moving',
      'moving',
      'done',
      'off',
    ]);
    expect(toneOf('cart_abandoned', '')).toBe('left');
  });
});

/** Waits until every promise has settled that can. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('createGate', () => {
  it('runs at most the given number at a time, in order, also after failures', async () => {
    const gate = createGate(2);
    const started: number[] = [];
    /** What ends the tasks that run, the longest-running first. */
    const ends: (() => void)[] = [];
    const tasks = Array.from({ length: 9 }, (_, n) =>
      gate(async () => {
        started.push(n);
        await new Promise<void>((resolve) => ends.push(resolve));
        if (n % 4 === 1) throw new Error('no');
      }),
    );
    const outcomes = Promise.allSettled(tasks);
    for (let ended = 0; ended < 9; ended++) {
      expect(started).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8].slice(0, ended + 2));
      ends.shift()?.();
      await settled();
    }
    expect((await outcomes).map(({ status }) => status === 'rejected')).toEqual(
      Array.from({ length: 9 }, (_, n) => n % 4 === 1),
    );
  });
});

describe('stationsOf', () => {
  it('has every stage in its place, known or not', () => {
    expect(stationsOf(null).map(({ id, state }) => `${id} ${state}`)).toEqual([
      'ingest unknown',
      'carts unknown',
      'people unknown',
      'sink unknown',
      'api unknown',
    ]);
  });

  it('shows what waits and what passes, also for ingest and the API', () => {
    const stage = (name: string, position: number | null, lag: number | null, behind_ms: number | null) => ({
      stage: name,
      state: 'running' as const,
      topic: ['ingest', 'api'].includes(name) ? null : `${name}-input`,
      position,
      lag,
      behind_ms,
    });
    const stations = stationsOf({
      stages: [
        stage('ingest', null, null, null),
        stage('carts', 90, 10, 1_200),
        stage('people', 80, 0, 900_000),
        stage('sink', 70, null, null),
        stage('api', null, null, null),
      ],
    });
    expect(stations.map(({ passed }) => passed)).toEqual([100, 90, 80, 70, 70]);
    expect(stations.map(({ waiting }) => waiting)).toEqual([null, 10, 0, null, null]);
    expect(stations.map(({ queues }) => queues)).toEqual([false, true, true, true, false]);
    expect(stations.map(({ behindMs }) => behindMs)).toEqual([null, 1_200, 0, null, null]);
  });
});
