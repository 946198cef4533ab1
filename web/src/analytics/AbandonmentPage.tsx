import { getRouteApi } from '@tanstack/react-router';
import { useMemo } from 'react';
import type { Unit } from '../../../lib/time/index.ts';
import { useSession } from '../app/session.ts';
import { Chart } from '../design/Chart.tsx';
import type { ChartOption } from '../design/chart-engine.ts';
import { moneyShort, percent } from '../design/format.ts';
import { StatTile } from '../design/StatTile.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { count, dayIn, useNow } from '../design/time.ts';
import { counted, money } from '../design/words.ts';
import {
  abandonmentPoints,
  abandonmentTotals,
  begunOf,
  changeText,
  type AbandonmentPoint,
  type AbandonmentTotals,
} from './abandonment.ts';
import { AnalyticsHeader } from './AnalyticsHeader.tsx';
import { useAbandonment } from './data.ts';
import { RangeFilter, StoreFilter } from './Filters.tsx';
import { bucketLabel, daysOf, daysText, instantsBefore, instantsOf, lengthOf, stepOf } from './range.ts';

const route = getRouteApi('/analytics/abandonment');

/** Abandoned carts, how many came back, and the revenue in both, over time. */
export function AbandonmentPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { time_zone } = useSession().workspace;
  const nowMs = useNow(60_000);
  const days = daysOf(search, dayIn(time_zone, nowMs));
  const step = stepOf(days);
  const now = useAbandonment(instantsOf(days, time_zone), step, search.store);
  const before = useAbandonment(instantsBefore(days, time_zone, nowMs), step, search.store);
  // The same object until something changes: a chart that is given a new one drops its tooltip.
  const buckets = useMemo(() => begunOf(now.data?.buckets ?? [], nowMs), [now.data, nowMs]);
  const points = useMemo(() => abandonmentPoints(buckets), [buckets]);
  const totals = abandonmentTotals(buckets);
  const totalsBefore = before.data && !before.isPlaceholderData ? abandonmentTotals(before.data.buckets) : null;
  const isEmpty = totals.abandoned === 0 && totals.checkouts === 0;
  return (
    <>
      <AnalyticsHeader purpose="Carts that were left before checkout, and how many came back." search={search} />
      <div className="analytics-filters">
        <RangeFilter search={search} days={days} onChange={(next) => void navigate({ search: next })} />
        <StoreFilter
          stores={search.store}
          onChange={(store) => void navigate({ search: (old) => ({ ...old, store }) })}
        />
      </div>
      {now.error && !now.data && (
        <ErrorState what="Cannot load abandonment" error={now.error} onRetry={() => void now.refetch()} />
      )}
      {now.isPending && <LoadingState lines={8} what="Loading abandonment" />}
      {now.data && isEmpty && (
        <EmptyState title="No abandoned carts and no orders in this range">
          {`Nothing happened in these days: ${daysText(days)}. Choose a longer range or other stores.`}
        </EmptyState>
      )}
      {now.data && !isEmpty && (
        <div className="stack" data-stale={now.isPlaceholderData || undefined}>
          <Tiles totals={totals} before={totalsBefore} length={lengthOf(days)} />
          <Charts points={points} unit={step.unit} range={daysText(days)} />
        </div>
      )}
    </>
  );
}

interface TilesProps {
  totals: AbandonmentTotals;
  /** Null while unknown. */
  before: AbandonmentTotals | null;
  /** Days in the range. */
  length: number;
}

function Tiles({ totals, before, length }: TilesProps) {
  const compared = (pick: (totals: AbandonmentTotals) => number): string => {
    const change = before && changeText(pick(totals), pick(before));
    return change ? `${change} against the ${counted(length, 'day', 'days')} before` : '\u00a0';
  };
  return (
    <div className="panel tiles">
      <StatTile
        label="Abandoned carts"
        value={totals.abandoned}
        hint={compared(({ abandoned }) => abandoned)}
        testId="abandoned"
      />
      <StatTile
        label="Recovered"
        value={percent(totals.recovered, totals.abandoned)}
        hint={`${count(totals.recovered)} of ${count(totals.abandoned)} were ordered afterwards`}
        testId="recovered"
      />
      <StatTile label="Abandoned revenue" value={money(totals.amount)} hint={compared(({ amount }) => amount)} />
      <StatTile
        label="Recovered revenue"
        value={money(totals.recoveredAmount)}
        hint={compared(({ recoveredAmount }) => recoveredAmount)}
        testId="recovered-revenue"
      />
      <StatTile label="Checkouts" value={totals.checkouts} hint={compared(({ checkouts }) => checkouts)} />
    </div>
  );
}

/** Two stacked bars: what came back, and what did not. */
const stacked = (
  labels: readonly string[],
  lower: { name: string; data: number[] },
  upper: { name: string; data: number[] },
  shown: (value: number) => string,
  shownShort: (value: number) => string,
): ChartOption => ({
  legend: { show: true, top: 6, left: 0, itemWidth: 10, itemHeight: 10, icon: 'roundRect' },
  grid: { top: 44 },
  tooltip: { axisPointer: { type: 'shadow' }, valueFormatter: (value) => shown(Number(value)) },
  xAxis: { type: 'category', data: [...labels] },
  yAxis: { type: 'value', minInterval: 1, axisLabel: { formatter: (value: number) => shownShort(value) } },
  series: [lower, upper].map(({ name, data }) => ({ type: 'bar', stack: 'all', name, data, barMaxWidth: 28 })),
});

function Charts({ points, unit, range }: { points: readonly AbandonmentPoint[]; unit: Unit; range: string }) {
  const { time_zone } = useSession().workspace;
  const labels = useMemo(
    () => points.map(({ fromMs }) => bucketLabel(time_zone, fromMs, unit)),
    [points, time_zone, unit],
  );
  const carts = useMemo(
    () =>
      stacked(
        labels,
        { name: 'Recovered', data: points.map(({ recovered }) => recovered) },
        { name: 'Not recovered', data: points.map(({ lost }) => lost) },
        count,
        count,
      ),
    [labels, points],
  );
  const revenue = useMemo(
    () =>
      stacked(
        labels,
        { name: 'Recovered', data: points.map(({ recoveredAmount }) => recoveredAmount) },
        { name: 'Not recovered', data: points.map(({ lostAmount }) => lostAmount) },
        money,
        moneyShort,
      ),
    [labels, points],
  );
  const first = `From (${time_zone})`;
  return (
    <>
      <section className="panel">
        <h2>Abandoned carts</h2>
        <Chart
          label={`Abandoned carts, recovered and not: ${range}`}
          option={carts}
          height={260}
          testId="abandonment-carts"
          table={{
            columns: [first, 'Abandoned', 'Recovered', 'Not recovered', 'Checkouts'],
            rows: points.map(({ recovered, lost, checkouts }, i) => [
              labels[i],
              count(recovered + lost),
              count(recovered),
              count(lost),
              count(checkouts),
            ]),
          }}
        />
      </section>
      <section className="panel">
        <h2>Revenue in abandoned carts</h2>
        <Chart
          label={`Revenue in abandoned carts, recovered and not: ${range}`}
          option={revenue}
          height={260}
          testId="abandonment-revenue"
          table={{
            columns: [first, 'Abandoned', 'Recovered', 'Not recovered'],
            rows: points.map(({ recoveredAmount, lostAmount }, i) => [
              labels[i],
              money(recoveredAmount + lostAmount),
              money(recoveredAmount),
              money(lostAmount),
            ]),
          }}
        />
        <p className="fine">
          An abandonment counts on the day of its deadline, with the amount of its cart; carts without an amount count
          as zero. Recovered are those that were ordered afterwards, whenever that was.
        </p>
      </section>
    </>
  );
}
