import { Button } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import type { UseQueryResult } from '@tanstack/react-query';
import { ErrorState } from '../design/states.tsx';
import { counted } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { AUDIENCES_MAX, useMemberships, useSavedAudiences, type SavedAudience } from './data.ts';
import type { PersonDetails } from './timeline.ts';

/** The audiences that the person is in, and why they are in or out of any saved one. */
export function AudiencesPanel({ person }: { person: PersonDetails }) {
  const [checking, setChecking] = useState(false);
  return (
    <section className="panel side-panel" aria-labelledby="person-audiences">
      <h2 id="person-audiences">Audiences</h2>
      {person.audiences.length === 0 ? (
        <p className="fine">In no live audience.</p>
      ) : (
        <ul className="memberships" data-testid="live-audiences">
          {person.audiences.map(({ id, name, entered_at }) => (
            <li key={id}>
              <WhyLink id={id} name={name} person={person.person_id} />
              <span className="fine">
                entered <ZonedTime at={entered_at} as="ago" />
              </span>
            </li>
          ))}
        </ul>
      )}
      <p className="fine">
        Only live audiences keep their members. Saved audiences that are not live are evaluated when somebody asks.
      </p>
      {checking ? (
        <SavedAudiences person={person.person_id} />
      ) : (
        <Button size="xs" variant="default" onClick={() => setChecking(true)}>
          Check all saved audiences
        </Button>
      )}
    </section>
  );
}

/** Opens the spot check of an audience: why this person is in it or not. */
function WhyLink({ id, name, person }: { id: string; name: string; person: string }) {
  return (
    <Link to="/audiences/$id" params={{ id }} search={{ tab: 'check', person }}>
      {name}
    </Link>
  );
}

function SavedAudiences({ person }: { person: string }) {
  const audiences = useSavedAudiences();
  const items = audiences.data ?? [];
  const memberships = useMemberships(person, items);
  if (audiences.error && !audiences.data)
    return (
      <ErrorState what="Cannot load the audiences" error={audiences.error} onRetry={() => void audiences.refetch()} />
    );
  if (!audiences.data) return <p className="fine">Loading…</p>;
  if (items.length === 0) return <p className="fine">No audience has been saved yet.</p>;
  const known = memberships.filter(({ data }) => data !== undefined);
  const inside = known.filter(({ data }) => data).length;
  return (
    <>
      <p className="fine" role="status">
        {known.length < items.length
          ? `Checking ${counted(items.length, 'audience', 'audiences')}…`
          : `In ${inside} of ${counted(items.length, 'audience', 'audiences')}.`}
        {items.length === AUDIENCES_MAX && ` The first ${AUDIENCES_MAX} are shown.`}
      </p>
      <ul className="memberships" data-testid="saved-audiences">
        {items.map((audience, i) => (
          <Membership key={audience.id} audience={audience} person={person} answer={memberships[i]!} />
        ))}
      </ul>
    </>
  );
}

interface MembershipProps {
  audience: SavedAudience;
  person: string;
  answer: UseQueryResult<boolean>;
}

function Membership({ audience, person, answer }: MembershipProps) {
  return (
    <li>
      <WhyLink id={audience.id} name={audience.name} person={person} />
      {answer.error ? (
        <span className="pill">unknown</span>
      ) : answer.data === undefined ? (
        <span className="pill">…</span>
      ) : (
        <span className="pill" data-tone={answer.data ? 'done' : undefined}>
          {answer.data ? 'in' : 'not in'}
        </span>
      )}
    </li>
  );
}
