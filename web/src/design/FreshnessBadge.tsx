import { useSession } from '../app/session.ts';
import { clockIn, FRESH_MS, span, stampIn } from './time.ts';

interface FreshnessBadgeProps {
  /** `fresh_through` of an answer: everything accepted before it is counted. Null while unknown. */
  freshThrough: string | null;
  /** The time of the answer (RFC 3339); without it the answer is from now. */
  at?: string | undefined;
}

/** How fresh a number is. */
export function FreshnessBadge({ freshThrough, at }: FreshnessBadgeProps) {
  const { time_zone } = useSession().workspace;
  if (freshThrough === null)
    return (
      <span className="fresh" data-fresh={false} data-testid="fresh">
        Freshness unknown
      </span>
    );
  const throughMs = Date.parse(freshThrough);
  const behindMs = (at === undefined ? Date.now() : Date.parse(at)) - throughMs;
  const fresh = behindMs <= FRESH_MS;
  return (
    <span
      className="fresh"
      data-fresh={fresh}
      data-testid="fresh"
      title={`Everything accepted before ${stampIn(time_zone, throughMs)} is counted.`}
    >
      <span className="fresh-dot" aria-hidden="true" />
      {fresh ? 'Up to date' : `${span(behindMs)} behind`}
      <time dateTime={freshThrough}>{clockIn(time_zone, throughMs)}</time>
    </span>
  );
}
