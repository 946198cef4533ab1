import { describe, expect, it } from 'vitest';
import { abandonmentPoints, abandonmentTotals, begunOf, changeText, type Bucket } from './abandonment.ts';
import { parseText } from '../../../lib/audiences/text/index.ts';
import { lateAudience, lateStatuses, ordersAt, overShare, type BoardStatus } from './board.ts';
import { funnelRows, longestStayMs, slowestOf, type Funnel } from './funnel.ts';
import { readBoardSearch } from './search.ts';

const step = (
  status: string,
  carts: number,
  p50: number | null,
  p90: number | null = p50,
): Funnel['steps'][number] => ({
  status,
  carts,
  dwell_minutes: { p50, p90 },
});

describe('the funnel', () => {
  const rows = funnelRows({
    carts: 40,
    steps: [
      step('verification', 40, 4, 9),
      step('preparing', 30, 20, 55),
      step('delivery_arrived', 2, null),
      step('finished', 20, 600, 900),
      step('cancelled', 10, null),
      step('with_review', 5, null),
    ],
  });

  it('shows shares and stays, and last where orders are lost', () => {
    expect(rows.map(({ status, share }) => [status, share])).toEqual([
      ['verification', 1],
      ['preparing', 0.75],
      ['delivery_arrived', 0.05],
      ['finished', 0.5],
      ['with_review', 0.125],
      ['cancelled', 0.25],
    ]);
    expect(rows[1]).toMatchObject({ medianMs: 20 * 60_000, p90Ms: 55 * 60_000, lost: false });
    expect(longestStayMs(rows)).toBe(900 * 60_000);
    expect(slowestOf(rows)?.status).toBe('finished');
  });

  it('of nothing is empty', () => {
    expect(funnelRows({ carts: 0, steps: [] })).toEqual([]);
    expect([longestStayMs([]), slowestOf([])]).toEqual([60_000, null]);
  });
});

describe('abandonment', () => {
  const bucket = (day: number, abandoned: number, amount: number, recovered = 0, recovered_amount = 0): Bucket => ({
    from: `2026-03-0${day}T05:00:00.000Z`,
    abandoned,
    amount,
    recovered,
    recovered_amount,
    checkouts: 2 * abandoned,
  });
  const buckets = [bucket(1, 3, 0.1, 1, 0.1), bucket(2, 0, 0), bucket(3, 5, 0.2, 2, 0.1)];

  it('adds up without errors of binary fractions', () => {
    expect(abandonmentTotals(buckets)).toEqual({
      abandoned: 8,
      recovered: 3,
      amount: 0.3,
      recoveredAmount: 0.2,
      checkouts: 16,
    });
  });

  it('is divided into what came back and what did not', () => {
    expect(abandonmentPoints(buckets)[2]).toEqual({
      fromMs: Date.parse('2026-03-03T05:00:00Z'),
      recovered: 2,
      lost: 3,
      recoveredAmount: 0.1,
      lostAmount: 0.1,
      checkouts: 10,
    });
    expect(begunOf(buckets, Date.parse('2026-03-02T05:00:00Z'))).toHaveLength(2);
  });

  it('is compared with the time before', () => {
    expect([changeText(112, 100), changeText(97, 100), changeText(100, 100), changeText(5, 0)]).toEqual([
      '+12 %',
      '−3 %',
      '±0 %',
      null,
    ]);
  });
});

describe('the board', () => {
  const status = (name: string, carts: number, over: number, stores = 3): BoardStatus => ({
    status: name,
    carts,
    stores,
    oldest_since: '2026-03-01T05:00:00.000Z',
    over: { carts: over, stores },
  });

  it('says how many orders wait, the most first, without carts that were never checked out', () => {
    const late = lateStatuses([
      status('pending', 90, 80),
      status('verification', 9, 2),
      status('preparing', 20, 12),
      status('ready_for_pickup', 4, 0),
    ]);
    expect(late.map(({ status: name }) => name)).toEqual(['preparing', 'verification']);
    expect(late.map(({ over }) => ordersAt(over.carts, over.stores))[0]).toBe('12 orders at 3 stores');
    expect([ordersAt(1, 1), ordersAt(2, 0)]).toEqual(['1 order at 1 store', '2 orders']);
    expect([overShare(status('x', 20, 5)), overShare(status('x', 0, 0))]).toEqual([0.25, 0]);
  });

  it('gives an audience of the people who wait, also at some stores', () => {
    expect(lateAudience('preparing', 45)).toBe('status in (preparing) for 45 minutes');
    const store_id = ['68', 'a b'];
    expect(parseText(lateAudience('on "hold"', 5, store_id))).toMatchObject({
      audience: { dwell: { status: ['on "hold"'], for: { amount: 5, unit: 'minutes' }, store_id } },
    });
  });

  it('reads its address, and leaves out defaults and what it does not take', () => {
    expect(readBoardSearch({ over: 90, days: '7', store: [68], status: 'preparing' })).toEqual({
      over: 90,
      days: 7,
      store: ['68'],
      status: 'preparing',
    });
    expect(readBoardSearch({ over: 45, days: 30, status: '' })).toEqual({});
    expect(readBoardSearch({ over: 0, days: 1.5, store: {} })).toEqual({});
  });
});
