import { Link } from '@tanstack/react-router';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { statusLabel } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { useRecentEvents } from './data.ts';
import { latestPeople } from './person.ts';

const SHOWN = 12;

/** Who was active last: somewhere to begin without an identifier. */
export function RecentPeople() {
  const events = useRecentEvents();
  if (events.error && !events.data)
    return <ErrorState what="Cannot load recent people" error={events.error} onRetry={() => void events.refetch()} />;
  if (!events.data) return <LoadingState what="Loading recent people" />;
  const people = latestPeople(events.data, SHOWN);
  if (people.length === 0)
    return (
      <EmptyState title="No people yet">
        People appear with the first cart or order that Jane reports, and with records that you import.
      </EmptyState>
    );
  return (
    <section className="panel people-found" aria-labelledby="recent">
      <h2 id="recent">Active recently</h2>
      <ul className="people-list" data-testid="recent-people">
        {people.map(({ person_id, name, trait, status, occurred_at }) => (
          <li key={person_id}>
            <Link className="people-row" to="/people/$id" params={{ id: person_id }}>
              <strong>{name ?? `Person ${person_id}`}</strong>
              <span className="people-contacts">
                {trait === 'cart_abandoned' ? 'Abandoned a cart' : statusLabel(status)}
              </span>
              <span className="people-when">
                <ZonedTime at={occurred_at} as="ago" />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
