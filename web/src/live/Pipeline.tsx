import { useEffect, useRef, useState } from 'react';
import type { Status } from '../data/api.ts';
import { ErrorState } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { clockIn, count, span, useNow } from '../design/time.ts';
import { useStatus } from './data.ts';
import { stationsOf, type Station } from './stages.ts';

const POLL_MS = 2_000;
/** Up to this delay a person would say "now". */
const FRESH_MS = 3_000;

/** The stages of the pipeline in order, with the records that wait at each. */
export function Pipeline() {
  const status = useStatus();
  const stations = stationsOf(status.data ?? null);
  const flowing = useFlowing(stations);
  return (
    <section className="pipeline panel" aria-labelledby="pipeline-title">
      <header className="panel-head">
        <h2 id="pipeline-title">Pipeline</h2>
        <Freshness status={status.data ?? null} failed={status.error !== null} />
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
    const timer = window.setTimeout(() => setFlowing(new Set()), 2 * POLL_MS);
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

function Freshness({ status, failed }: { status: Status | null; failed: boolean }) {
  const { workspace } = useSession();
  useNow();
  if (!status || status.fresh_through === null)
    return (
      <span className="fresh" data-fresh={false}>
        {failed || status ? 'freshness unknown' : '\u00a0'}
      </span>
    );
  const throughMs = Date.parse(status.fresh_through);
  const behindMs = Date.parse(status.now) - throughMs;
  const fresh = behindMs <= FRESH_MS;
  const words = fresh ? 'Up to date' : `${span(behindMs)} behind`;
  return (
    <span
      className="fresh"
      data-fresh={fresh}
      data-testid="fresh"
      title="Everything accepted before this time is counted."
    >
      <span className="fresh-dot" aria-hidden="true" />
      {words}
      <time dateTime={status.fresh_through}>{clockIn(workspace.time_zone, throughMs)}</time>
    </span>
  );
}
