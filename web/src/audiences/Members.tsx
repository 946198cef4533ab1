import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { Member, SavedAudience } from '../data/api.ts';
import { ListFoot } from '../design/ListFoot.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { FreshnessBadge } from '../design/FreshnessBadge.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { useMembers } from './data.ts';

/** Who is in the audience, page by page. */
export function Members({ saved }: { saved: SavedAudience }) {
  const members = useMembers(saved.id, saved.version);
  const [first] = members.data?.pages ?? [];
  const people = members.data?.pages.flatMap(({ items }) => items) ?? [];
  if (members.error && !members.data)
    return <ErrorState what="Cannot load the members" error={members.error} onRetry={() => void members.refetch()} />;
  if (!first) return <LoadingState lines={8} what="Loading the members" />;
  if (people.length === 0)
    return (
      <EmptyState
        title="Nobody is in this audience now"
        action={
          <Button variant="default" onClick={() => void members.refetch()}>
            Look again
          </Button>
        }
      >
        A spot check tells why a certain person is not in it.
      </EmptyState>
    );
  return (
    <section className="panel" aria-labelledby="members-title">
      <header className="panel-head">
        <div>
          <h2 id="members-title">Members</h2>
          <p className="fine">
            As of <ZonedTime at={first.now} />. All pages show this moment.
          </p>
        </div>
        <FreshnessBadge freshThrough={first.fresh_through} at={first.now} />
      </header>
      <div className="table-scroll" tabIndex={0} role="region" aria-labelledby="members-title">
        <table className="table" data-testid="members">
          <thead>
            <tr>
              <th scope="col">Person</th>
              <th scope="col">Phone</th>
              <th scope="col">SMS</th>
              <th scope="col">Email</th>
              <th scope="col">Email consent</th>
            </tr>
          </thead>
          <tbody>
            {people.map((person) => (
              <MemberRow key={person.person_id} person={person} />
            ))}
          </tbody>
        </table>
      </div>
      <ListFoot
        shown={people.length}
        hasMore={members.hasNextPage}
        loading={members.isFetchingNextPage}
        onMore={() => void members.fetchNextPage()}
      >
        <Button size="xs" variant="subtle" color="gray" onClick={() => void members.refetch()}>
          Refresh
        </Button>
      </ListFoot>
    </section>
  );
}

function MemberRow({ person }: { person: Member }) {
  const { person_id, name, phone, email, sms_consent, email_consent } = person;
  return (
    <tr>
      <td>
        <Link to="/people/$id" params={{ id: person_id }}>
          {name ?? `Person ${person_id}`}
        </Link>
      </td>
      <td className="tabular">{phone ?? '–'}</td>
      <td>
        <Consent value={sms_consent} />
      </td>
      <td>{email ?? '–'}</td>
      <td>
        <Consent value={email_consent} />
      </td>
    </tr>
  );
}

function Consent({ value }: { value: Member['sms_consent'] }) {
  if (value === null) return <span className="fine">not known</span>;
  return <span className={value === 'opted_in' ? 'pill pill-good' : 'pill'}>{value.replace('_', ' ')}</span>;
}
