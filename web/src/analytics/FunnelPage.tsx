import { getRouteApi } from '@tanstack/react-router';
import { useSession } from '../app/session.ts';
import { duration, percent } from '../design/format.ts';
import { StatTile } from '../design/StatTile.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { count, dayIn } from '../design/time.ts';
import { statusLabel } from '../design/words.ts';
import { AnalyticsHeader } from './AnalyticsHeader.tsx';
import { useFunnel } from './data.ts';
import { RangeFilter, StoreFilter } from './Filters.tsx';
import { funnelRows, slowestOf, type FunnelRow } from './funnel.ts';
import { daysOf, daysText } from './range.ts';

const route = getRouteApi('/analytics/funnel');

/** How far orders come, and how long each status lasts. */
export function FunnelPage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const { time_zone } = useSession().workspace;
  const days = daysOf(search, dayIn(time_zone, Date.now()));
  const funnel = useFunnel(days, search.store);
  const rows = funnel.data ? funnelRows(funnel.data) : [];
  return (
    <>
      <AnalyticsHeader purpose="Which statuses orders reach, and how long they stay in each." search={search} />
      <div className="analytics-filters">
        <RangeFilter search={search} days={days} onChange={(next) => void navigate({ search: next })} />
        <StoreFilter
          stores={search.store}
          onChange={(store) => void navigate({ search: (old) => ({ ...old, store }) })}
        />
      </div>
      {funnel.error && !funnel.data && (
        <ErrorState what="Cannot load the funnel" error={funnel.error} onRetry={() => void funnel.refetch()} />
      )}
      {funnel.isPending && <LoadingState lines={8} what="Loading the funnel" />}
      {funnel.data && funnel.data.carts === 0 && (
        <EmptyState title="No orders in this range">
          {`No cart had its first checkout in these days: ${daysText(days)}. Choose a longer range or other stores.`}
        </EmptyState>
      )}
      {funnel.data && funnel.data.carts > 0 && (
        <div className="stack" data-stale={funnel.isPlaceholderData || undefined}>
          <FunnelTiles carts={funnel.data.carts} rows={rows} />
          <section className="panel">
            <div className="panel-head">
              <div>
                <h2>Orders by status</h2>
                <p className="fine">
                  First checkouts of {daysText(days)}. Orders skip statuses as a matter of course; a stay ends with the
                  order’s next status.
                </p>
              </div>
            </div>
            <FunnelTable rows={rows} />
          </section>
        </div>
      )}
    </>
  );
}

function FunnelTiles({ carts, rows }: { carts: number; rows: readonly FunnelRow[] }) {
  const reached = (status: string): number => rows.find((row) => row.status === status)?.carts ?? 0;
  const slowest = slowestOf(rows);
  const lost = reached('cancelled') + reached('dismissed');
  return (
    <div className="panel tiles">
      <StatTile label="Orders" value={carts} hint="first checkouts" testId="funnel-orders" />
      <StatTile
        label="Finished"
        value={percent(reached('finished'), carts)}
        hint={`${count(reached('finished'))} orders`}
      />
      <StatTile
        label="Cancelled or dismissed"
        value={percent(lost, carts)}
        hint={`${count(reached('cancelled'))} by customers, ${count(reached('dismissed'))} by stores`}
      />
      <StatTile
        label="Longest stay"
        value={slowest ? statusLabel(slowest.status) : '–'}
        hint={slowest ? `median ${duration(slowest.medianMs!)}` : 'no stay has ended'}
      />
    </div>
  );
}

/** Bars within a table: the numbers are beside what draws them. */
function FunnelTable({ rows }: { rows: readonly FunnelRow[] }) {
  return (
    <div className="table-scroll" tabIndex={0} role="region" aria-label="Orders by status">
      <table className="table funnel" data-testid="funnel">
        <thead>
          <tr>
            <th scope="col">Status</th>
            <th scope="col" className="funnel-bar-head" title="Orders that have had this status">
              Orders
            </th>
            <th scope="col" className="number">
              Share
            </th>
            <th scope="col" className="number">
              Median stay
            </th>
            <th scope="col" className="number" title="Nine of ten stays are shorter">
              90 % within
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.status} data-lost={row.lost || undefined} data-testid={`funnel-${row.status}`}>
              <th scope="row">{statusLabel(row.status)}</th>
              <td>
                <div className="funnel-reach">
                  <span className="funnel-track" aria-hidden="true">
                    <span className="funnel-bar" style={{ width: `${Math.max(0.5, 100 * row.share)}%` }} />
                  </span>
                  <span className="funnel-count">{count(row.carts)}</span>
                </div>
              </td>
              <td className="number">{percent(row.share, 1)}</td>
              <td className="number">{row.medianMs === null ? '–' : duration(row.medianMs)}</td>
              <td className="number">{row.p90Ms === null ? '–' : duration(row.p90Ms)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
