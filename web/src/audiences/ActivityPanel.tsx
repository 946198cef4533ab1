import { SegmentedControl } from '@mantine/core';
import { useMemo, useState } from 'react';
import { useSession } from '../app/session.ts';
import { Chart } from '../design/Chart.tsx';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { StatTile } from '../design/StatTile.tsx';
import { count, stampIn } from '../design/time.ts';
import { RANGES, useActivity, type Activity, type Range } from './data.ts';
import { axisTime } from './Insight.tsx';

/** Who entered and who left a live audience. */
export function ActivityPanel({ id }: { id: string }) {
  const [range, setRange] = useState<Range>('24h');
  const activity = useActivity(id, range);
  const buckets = activity.data?.buckets ?? [];
  const sum = (key: 'entered' | 'left'): number => buckets.reduce((total, bucket) => total + bucket[key], 0);
  return (
    <section className="panel" aria-labelledby="activity-title">
      <header className="panel-head">
        <div>
          <h2 id="activity-title">Entered and left</h2>
          <p className="fine">Reported as it happens, while the audience is live.</p>
        </div>
        <SegmentedControl
          size="xs"
          aria-label="Time range of the changes"
          value={range}
          onChange={(value) => setRange(value as Range)}
          data={[...RANGES]}
        />
      </header>
      {activity.error && !activity.data ? (
        <ErrorState what="Cannot load the changes" error={activity.error} onRetry={() => void activity.refetch()} />
      ) : !activity.data ? (
        <LoadingState lines={5} what="Loading the changes" />
      ) : (
        <div data-stale={activity.isPlaceholderData || undefined}>
          <div className="stats">
            <StatTile label="Entered" value={sum('entered')} testId="entered" />
            <StatTile label="Left" value={sum('left')} testId="left" />
            <StatTile label="Members" value={buckets.at(-1)?.size ?? null} testId="members-live" />
          </div>
          <ActivityChart buckets={buckets} />
        </div>
      )}
    </section>
  );
}

function ActivityChart({ buckets }: Activity) {
  const { time_zone } = useSession().workspace;
  // Polls that bring the same numbers must not draw the chart again.
  const key = JSON.stringify(buckets.map(({ entered, left, size }) => [entered, left, size]));
  const option = useMemo(
    () => ({
      legend: { show: true, top: 0, right: 0, itemWidth: 12, itemHeight: 8 },
      grid: { top: 28 },
      xAxis: { type: 'category' as const, data: buckets.map(({ from }) => axisTime(time_zone, from, buckets)) },
      yAxis: [
        { type: 'value' as const, minInterval: 1, splitNumber: 3 },
        { type: 'value' as const, minInterval: 1, splitNumber: 3, splitLine: { show: false } },
      ],
      series: [
        { type: 'bar' as const, name: 'Entered', stack: 'changes', data: buckets.map(({ entered }) => entered) },
        { type: 'bar' as const, name: 'Left', stack: 'changes', data: buckets.map(({ left }) => -left) },
        {
          type: 'line' as const,
          name: 'Members',
          yAxisIndex: 1,
          showSymbol: false,
          data: buckets.map(({ size }) => size),
        },
      ],
    }),
    // See `key`
    [key, time_zone],
  );
  const table = useMemo(
    () => ({
      columns: [`From (${time_zone})`, 'Entered', 'Left', 'Members'],
      rows: buckets.map(({ from, entered, left, size }) => [
        stampIn(time_zone, Date.parse(from)),
        count(entered),
        count(left),
        count(size),
      ]),
    }),
    // See `key`
    [key, time_zone],
  );
  return <Chart label="People who entered and left this audience" option={option} table={table} testId="activity" />;
}
