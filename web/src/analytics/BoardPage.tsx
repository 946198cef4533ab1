import { NumberInput } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { wholeNumberIn } from '../app/address.ts';
import { duration } from '../design/format.ts';
import { FreshnessBadge } from '../design/FreshnessBadge.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { count } from '../design/time.ts';
import { statusLabel } from '../design/words.ts';
import { AnalyticsHeader } from './AnalyticsHeader.tsx';
import { lateStatuses, ordersAt, overShare, type BoardStatus } from './board.ts';
import { useBoard, type BoardAsked } from './data.ts';
import { StoreFilter } from './Filters.tsx';
import { LateOrders } from './LateOrders.tsx';
import {
  BOARD_DAYS_DEFAULT,
  BOARD_DAYS_MAX,
  OVER_MINUTES_DEFAULT,
  OVER_MINUTES_MAX,
  readBoardSearch,
} from './search.ts';

const route = getRouteApi('/analytics/board');

/** Open orders by status: which of them have waited for too long, and where. */
export function BoardPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const asked: BoardAsked = {
    overMinutes: search.over ?? OVER_MINUTES_DEFAULT,
    days: search.days ?? BOARD_DAYS_DEFAULT,
    stores: search.store,
  };
  const board = useBoard(asked);
  const { data } = board;
  const change = (next: Record<string, unknown>): void =>
    void navigate({ search: (old) => readBoardSearch({ ...old, ...next }), replace: true });
  const late = data ? lateStatuses(data.statuses) : [];
  return (
    <>
      <AnalyticsHeader
        purpose="Orders that are not finished yet, and those that have waited for too long."
        search={search.store === undefined ? {} : { store: search.store }}
        {...(data ? { beside: <FreshnessBadge freshThrough={data.fresh_through} at={data.at} /> } : {})}
      />
      <div className="analytics-filters">
        <WholeNumberInput
          label="Too long is over"
          unit="minutes"
          value={asked.overMinutes}
          max={OVER_MINUTES_MAX}
          step={15}
          onChange={(over) => change({ over })}
        />
        <WholeNumberInput
          label="Changed within"
          unit="days"
          value={asked.days}
          max={BOARD_DAYS_MAX}
          onChange={(days) => change({ days })}
        />
        <StoreFilter stores={search.store} onChange={(store) => change({ store })} />
      </div>
      {board.error && !data && (
        <ErrorState what="Cannot load the open orders" error={board.error} onRetry={() => void board.refetch()} />
      )}
      {board.isPending && <LoadingState lines={8} what="Loading the open orders" />}
      {data && data.statuses.length === 0 && (
        <EmptyState title="No open orders">
          {`No cart or order is open whose status changed within the last ${asked.days} days.`}
        </EmptyState>
      )}
      {data && data.statuses.length > 0 && (
        <div className="stack" data-stale={board.isPlaceholderData || undefined}>
          <LateSummary late={late} minutes={asked.overMinutes} />
          <ul className="board-cards">
            {data.statuses.map((status) => (
              <StatusCard key={status.status} status={status} atMs={Date.parse(data.at)} minutes={asked.overMinutes} />
            ))}
          </ul>
          {search.status !== undefined && (
            <LateOrders status={search.status} asked={asked} atMs={Date.parse(data.at)} />
          )}
        </div>
      )}
    </>
  );
}

interface WholeNumberInputProps {
  label: string;
  unit: string;
  value: number;
  max: number;
  step?: number;
  onChange(value: number): void;
}

/** Applies what is typed as soon as it is a number from 1 to the maximum; until then the last one counts. */
function WholeNumberInput({ label, unit, value, max, step = 1, onChange }: WholeNumberInputProps) {
  const [draft, setDraft] = useState<string | number>(value);
  useEffect(() => setDraft(value), [value]);
  return (
    <NumberInput
      size="xs"
      label={label}
      className="filter-number"
      value={draft}
      min={1}
      max={max}
      step={step}
      suffix={` ${unit}`}
      allowDecimal={false}
      error={wholeNumberIn(draft, max) === undefined ? `A whole number of ${unit}` : null}
      onChange={(typed) => {
        setDraft(typed);
        const read = wholeNumberIn(typed, max);
        if (read !== undefined) onChange(read);
      }}
    />
  );
}

/** `Preparing for over 45 minutes: 12 orders at 3 stores`, one line for each status. */
function LateSummary({ late, minutes }: { late: readonly BoardStatus[]; minutes: number }) {
  if (late.length === 0)
    return (
      <p className="late-none panel" role="status">
        <IconCircleCheck size={18} aria-hidden />
        No order has had its status for over {duration(minutes * 60_000)}.
      </p>
    );
  return (
    <ul className="late panel" aria-label="Orders that have waited for too long" data-testid="late">
      {late.map(({ status, over }) => (
        <li key={status}>
          <IconAlertTriangle size={18} aria-hidden />
          <span>
            <strong>{statusLabel(status)}</strong> for over {duration(minutes * 60_000)}:{' '}
            <Link from="/analytics/board" search={(old) => ({ ...old, status })} replace resetScroll={false}>
              {ordersAt(over.carts, over.stores)}
            </Link>
          </span>
        </li>
      ))}
    </ul>
  );
}

function StatusCard({ status, atMs, minutes }: { status: BoardStatus; atMs: number; minutes: number }) {
  const { status: name, carts, stores, oldest_since, over } = status;
  return (
    <li className="panel board-card" data-testid={`board-${name}`}>
      <h2>{statusLabel(name)}</h2>
      <p className="board-count">{count(carts)}</p>
      <p className="fine">
        {stores > 0 && `at ${count(stores)} ${stores === 1 ? 'store' : 'stores'} · `}
        <span className="board-longest">longest {duration(atMs - Date.parse(oldest_since))}</span>
      </p>
      <span className="board-track" aria-hidden="true">
        <span className="board-over" style={{ width: `${100 * overShare(status)}%` }} />
      </span>
      {over.carts === 0 ? (
        <p className="fine">none over {duration(minutes * 60_000)}</p>
      ) : (
        <Link
          className="board-link"
          from="/analytics/board"
          search={(old) => ({ ...old, status: name })}
          replace
          resetScroll={false}
        >
          {count(over.carts)} over {duration(minutes * 60_000)}
        </Link>
      )}
    </li>
  );
}
