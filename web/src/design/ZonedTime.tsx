import { useSession } from '../app/session.ts';
import { ago, clockIn, dayIn, stampIn, useNow } from './time.ts';

interface ZonedTimeProps {
  /** RFC 3339, or Unix milliseconds. */
  at: string | number;
  /** `stamp`: day, time and zone; `clock`: time and zone; `day`: the day and zone; `ago`: how long ago. */
  as?: 'stamp' | 'clock' | 'day' | 'ago';
}

/** A time in the zone of the workspace. The zone is in the text, or for `ago` in the title. */
export function ZonedTime({ at, as = 'stamp' }: ZonedTimeProps) {
  const atMs = typeof at === 'number' ? at : Date.parse(at);
  const iso = new Date(atMs).toISOString();
  const { time_zone } = useSession().workspace;
  const stamp = `${stampIn(time_zone, atMs)} (${time_zone})`;
  return (
    <time dateTime={iso} title={stamp}>
      {as === 'ago' ? <Ago atMs={atMs} /> : { stamp: stampIn, clock: clockIn, day: dayIn }[as](time_zone, atMs)}
    </time>
  );
}

function Ago({ atMs }: { atMs: number }) {
  const words = ago(atMs, useNow(10_000));
  return words === 'now' ? 'just now' : `${words} ago`;
}
