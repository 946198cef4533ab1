import { SegmentedControl } from '@mantine/core';
import { IconDeviceMobileMessage, IconMail } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { memo, useMemo, useState, type ReactNode } from 'react';
import type { Preview } from '../data/api.ts';
import { useSession } from '../app/session.ts';
import { Chart } from '../design/Chart.tsx';
import { FreshnessBadge } from '../design/FreshnessBadge.tsx';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { StatTile } from '../design/StatTile.tsx';
import { count, stampIn } from '../design/time.ts';
import { hasTrend, RANGES, useTrend, type Question, type Range } from './data.ts';
import './audiences.css';

/** How many people match, and how many of them can be reached. */
export const CountPanel = memo(function CountPanel({
  preview,
  stale,
  unknown,
}: {
  preview: Preview | undefined;
  stale: boolean;
  unknown: boolean;
}) {
  const total = unknown ? null : (preview?.count ?? null);
  return (
    <section className="panel count-panel" aria-label="Count" data-behind={stale || undefined} aria-busy={stale}>
      <StatTile
        size="large"
        label={total === 1 ? 'person matches now' : 'people match now'}
        value={total}
        testId="count"
      />
      <div className="reach">
        <Reach
          icon={<IconDeviceMobileMessage size={15} aria-hidden />}
          label="by SMS"
          of={total}
          value={preview?.reachable.sms}
        />
        <Reach icon={<IconMail size={15} aria-hidden />} label="by email" of={total} value={preview?.reachable.email} />
      </div>
      {preview && !unknown && <FreshnessBadge freshThrough={preview.fresh_through} at={preview.now} />}
    </section>
  );
});

interface ReachProps {
  icon: ReactNode;
  label: string;
  value: number | undefined;
  of: number | null;
}

function Reach({ icon, label, value, of }: ReachProps) {
  const share = of && value !== undefined ? Math.round((value / of) * 100) : null;
  return (
    <StatTile
      label={
        <>
          {icon} reachable {label}
        </>
      }
      value={of === null ? null : (value ?? null)}
      hint={share === null ? ' ' : `${share} %`}
    />
  );
}

/** How many people matched over time. */
export const TrendPanel = memo(function TrendPanel({ question }: { question: Question | null }) {
  const [range, setRange] = useState<Range>('7d');
  const possible = question === null || hasTrend(question);
  const trend = useTrend(possible ? question : null, range);
  return (
    <section className="panel" aria-labelledby="trend-title">
      <header className="panel-head">
        <h2 id="trend-title">Trend</h2>
        {possible && (
          <SegmentedControl
            size="xs"
            aria-label="Time range of the trend"
            value={range}
            onChange={(value) => setRange(value as Range)}
            data={[...RANGES]}
          />
        )}
      </header>
      {!possible ? (
        <p className="fine">
          A condition looks at carts as they are now (“in next”, or an order in a status), so there are no past numbers.
        </p>
      ) : trend.error && !trend.data ? (
        <ErrorState what="Cannot load the trend" error={trend.error} onRetry={() => void trend.refetch()} />
      ) : trend.data ? (
        <div data-stale={trend.isPlaceholderData || undefined}>
          <TrendChart points={trend.data.points} />
        </div>
      ) : (
        <LoadingState lines={5} what="Loading the trend" />
      )}
    </section>
  );
});

const TrendChart = memo(function TrendChart({ points }: { points: readonly { at: string; count: number }[] }) {
  const { time_zone } = useSession().workspace;
  const option = useMemo(
    () => ({
      xAxis: {
        type: 'category' as const,
        data: points.map(({ at }) => axisTime(time_zone, at, points)),
        boundaryGap: false,
      },
      yAxis: { type: 'value' as const, minInterval: 1, splitNumber: 3 },
      series: [
        {
          type: 'line' as const,
          name: 'People',
          data: points.map((point) => point.count),
          showSymbol: false,
          lineStyle: { width: 2 },
          areaStyle: { opacity: 0.08 },
        },
      ],
    }),
    [points, time_zone],
  );
  const table = useMemo(
    () => ({
      columns: [`Time (${time_zone})`, 'People'],
      rows: points.map((point) => [stampIn(time_zone, Date.parse(point.at)), count(point.count)]),
    }),
    [points, time_zone],
  );
  return <Chart label="People in this audience over time" option={option} table={table} height={150} />;
});

/** A time for an axis: the hour within a day or two, else the day. */
export function axisTime(timeZone: string, at: string, points: readonly { at?: string; from?: string }[]): string {
  const timeOf = (point: { at?: string; from?: string } | undefined): number =>
    Date.parse(point?.at ?? point?.from ?? '');
  const days = (timeOf(points.at(-1)) - timeOf(points[0])) / 86_400_000;
  const options: Intl.DateTimeFormatOptions =
    days <= 2 ? { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' } : { day: 'numeric', month: 'short' };
  return new Intl.DateTimeFormat('en-GB', { timeZone, ...options }).format(Date.parse(at));
}

/** Some of the people who match. */
export const SamplePanel = memo(function SamplePanel({
  preview,
  stale,
  onCheck,
}: {
  preview: Preview | undefined;
  /** The sample answers the question before. */
  stale: boolean;
  onCheck?(personId: string): void;
}) {
  const people = preview?.sample ?? [];
  return (
    <section className="panel" aria-labelledby="sample-title" data-stale={stale || undefined}>
      <header className="panel-head">
        <h2 id="sample-title">Sample</h2>
      </header>
      {!preview ? (
        <LoadingState lines={5} what="Loading people" />
      ) : people.length === 0 ? (
        <p className="fine">Nobody matches now. Widen a time range, or check why one person does not match below.</p>
      ) : (
        <ul className="sample" data-testid="sample">
          {people.slice(0, 8).map(({ person_id, name, phone, email }) => (
            <li key={person_id}>
              <Link to="/people/$id" params={{ id: person_id }}>
                {name ?? `Person ${person_id}`}
              </Link>
              <span className="fine">{phone ?? email ?? 'no phone or email'}</span>
              {onCheck && (
                <button
                  type="button"
                  className="why"
                  aria-label={`Why? ${name ?? `Person ${person_id}`}`}
                  onClick={() => onCheck(person_id)}
                >
                  Why?
                </button>
              )}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
});
