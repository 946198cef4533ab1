import { Link } from '@tanstack/react-router';
import { useEffect, useRef, useState } from 'react';
import { ErrorState } from '../design/states.tsx';
import { STATUS_POLL_MS, useStatus } from '../data/use-status.ts';
import { FreshnessBadge } from '../design/FreshnessBadge.tsx';
import { count, FRESH_MS, span } from '../design/time.ts';
import { stationsOf, type Station } from './stages.ts';

/** The stages of the pipeline in order, with the records that wait at each. */
export function Pipeline() {
  const status = useStatus();
  const stations = stationsOf(status.data ?? null);
  const flowing = useFlowing(stations);
  return (
    <section className="pipeline panel" aria-labelledby="pipeline-title">
      <header className="panel-head">
        <h2 id="pipeline-title">
          <Link to="/operate/status">Pipeline</Link>
        </h2>
        {status.data && <FreshnessBadge freshThrough={status.data.fresh_through} at={status.data.now} />}
      </header>
      {status.error && !status.data ? (
        <ErrorState
          what="Cannot load the state of the pipeline"
          error={status.error}
          onRetry={() => void status.refetch()}
        />
      ) : (
        <ol className="line" data-testid="pipeline">
          {stations.map((station, index) => (
            <StationView key={station.id} station={station} first={index === 0} flowing={flowing.has(station.id)} />
          ))}
        </ol>
      )}
    </section>
  );
}

/** Stages that processed records between the last two polls. */
function useFlowing(stations: readonly Station[]): ReadonlySet<string> {
  const before = useRef(new Map<string, number>());
  const [flowing, setFlowing] = useState<ReadonlySet<string>>(new Set());
  const positions = stations.map(({ id, passed }) => `${id}:${passed ?? ''}`).join(' ');
  useEffect(() => {
    const moved = new Set<string>();
    for (const entry of positions.split(' ')) {
      const [id = '', passed = ''] = entry.split(':');
      if (passed === '') continue;
      const old = before.current.get(id);
      if (old !== undefined && Number(passed) > old) moved.add(id);
      before.current.set(id, Number(passed));
    }
    setFlowing(moved);
    const timer = window.setTimeout(() => setFlowing(new Set()), 2 * STATUS_POLL_MS);
    return () => window.clearTimeout(timer);
  }, [positions]);
  return flowing;
}

function StationView({ station, first, flowing }: { station: Station; first: boolean; flowing: boolean }) {
  const { title, does, state, behindMs } = station;
  const late = behindMs !== null && behindMs > FRESH_MS;
  return (
    <li className="station" data-state={state} data-flowing={flowing || undefined} data-late={late || undefined}>
      {!first && <span className="track" aria-hidden="true" />}
      <span className="stop" aria-hidden="true" />
      <span className="station-title">{title}</span>
      <span className="station-does">{does}</span>
      <span className="station-state">{stateWords(station)}</span>
    </li>
  );
}

function stateWords({ state, queues, waiting, behindMs }: Station): string {
  if (state === 'stopped') return 'stopped';
  if (state === 'restoring' || state === 'closing') return state;
  if (state === 'waiting') return 'waiting to open';
  if (state === 'unknown') return 'unknown';
  if (waiting !== null && waiting > 0) {
    const behind = behindMs !== null && behindMs > 0 ? `, ${span(behindMs)}` : '';
    return `${count(waiting)} waiting${behind}`;
  }
  if (waiting === null) return queues ? 'position unknown' : 'ready';
  return 'up to date';
}
