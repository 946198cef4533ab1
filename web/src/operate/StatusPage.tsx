import { getRouteApi } from '@tanstack/react-router';
import { useStatus } from '../data/use-status.ts';
import { FreshnessBadge } from '../design/FreshnessBadge.tsx';
import { PageHeader } from '../design/PageHeader.tsx';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { AttentionList } from './AttentionList.tsx';
import type { EngineView } from './advice.ts';
import { StageTable } from './StageTable.tsx';
import { statusView } from './stage-views.ts';
import './operate.css';
import './status.css';

const route = getRouteApi('/operate/status');

export function StatusPage() {
  const { stage } = route.useSearch();
  const navigate = route.useNavigate();
  const status = useStatus();
  if (!status.data)
    return (
      <div className="page">
        <PageHeader title="Status" />
        {status.error ? (
          <ErrorState what="Cannot load the status" error={status.error} onRetry={() => void status.refetch()} />
        ) : (
          <LoadingState what="Loading the status" lines={6} />
        )}
      </div>
    );
  const view = statusView(status.data);
  return (
    <div className="page">
      <PageHeader title="Status" actions={<FreshnessBadge freshThrough={view.freshThrough} at={status.data.now} />}>
        The stages that an event passes, from its webhook to the counts, and the engines that they need.
      </PageHeader>
      {status.error && <ErrorState what="The status is not up to date" error={status.error} />}
      <p className="headline" data-tone={view.tone} role="status">
        <span className="tone-dot" data-tone={view.tone} aria-hidden="true" />
        {view.headline}
      </p>
      {view.attention.length > 0 && <AttentionList attention={view.attention} stages={view.stages} />}
      <StageTable
        stages={view.stages}
        open={stage ?? null}
        onToggle={(id) =>
          void navigate({ search: id === stage ? {} : { stage: id }, replace: true, resetScroll: false })
        }
      />
      <Engines engines={view.engines} />
    </div>
  );
}

function Engines({ engines }: { engines: readonly EngineView[] }) {
  return (
    <section className="panel" aria-labelledby="engines-title">
      <h2 id="engines-title">Engines</h2>
      <ul className="engines">
        {engines.map(({ title, state, words, remedy }) => (
          <li key={title}>
            <span className="tone-dot" data-tone={state === 'running' ? 'good' : 'bad'} aria-hidden="true" />
            <span>{title}</span>
            <span className="engine-state">{words}</span>
            {remedy !== null && <p className="fine">{remedy}</p>}
          </li>
        ))}
      </ul>
    </section>
  );
}
