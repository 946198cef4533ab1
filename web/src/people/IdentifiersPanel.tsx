import { Link } from '@tanstack/react-router';
import { phoneText } from '../design/format.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import type { PersonDetails } from './timeline.ts';

type Consent = PersonDetails['consent']['sms'];

const CONSENT_WORDS = { opted_in: 'opted in', opted_out: 'opted out' } as const;

function ConsentPill({ consent, channel }: { consent: Consent; channel: 'SMS' | 'email' }) {
  if (consent === null) return <span className="pill">{channel}: not recorded</span>;
  return (
    <span className="pill" data-tone={consent === 'opted_in' ? 'done' : 'off'}>
      {channel}: {CONSENT_WORDS[consent]}
    </span>
  );
}

/** What names the person, with the consent of each identifier. */
export function IdentifiersPanel({ person }: { person: PersonDetails }) {
  const { phones, emails, user_ids, external_ids } = person.identifiers;
  const isEmpty = phones.length + emails.length + user_ids.length + external_ids.length === 0;
  return (
    <section className="panel side-panel" aria-labelledby="identifiers">
      <h2 id="identifiers">Identifiers and consent</h2>
      {isEmpty && (
        <p className="fine">
          None: only carts without a customer are known. When one names a customer, this history becomes theirs.
        </p>
      )}
      <ul className="identifiers" data-testid="identifiers">
        {phones.map(({ value, consent }) => (
          <li key={value}>
            <span className="identifier-kind">Phone</span>
            <span className="identifier-value">{phoneText(value)}</span>
            <ConsentPill consent={consent} channel="SMS" />
          </li>
        ))}
        {emails.map(({ value, consent }) => (
          <li key={value}>
            <span className="identifier-kind">Email</span>
            <span className="identifier-value">{value}</span>
            <ConsentPill consent={consent} channel="email" />
          </li>
        ))}
        {user_ids.map((id) => (
          <li key={id}>
            <span className="identifier-kind">User id</span>
            <code className="identifier-value">{id}</code>
          </li>
        ))}
        {external_ids.map(({ source, id }) => (
          <li key={`${source} ${id}`}>
            <span className="identifier-kind">External id</span>
            <code className="identifier-value">{id}</code>
            <span className="pill">{source === '' ? 'no source' : source}</span>
          </li>
        ))}
      </ul>
      {person.time_zone !== null && <p className="fine">Their time zone: {person.time_zone}</p>}
    </section>
  );
}

/** Who this person was before: ids that lead here. */
export function MergesPanel({ person }: { person: PersonDetails }) {
  return (
    <section className="panel side-panel" aria-labelledby="merges">
      <h2 id="merges">Merged people</h2>
      {person.merged.length === 0 ? (
        <p className="fine">Nobody was merged into this person.</p>
      ) : (
        <>
          <p className="fine">
            These were separate people until an identifier showed that they are this person. Their ids still lead here.
          </p>
          <ul className="merges" data-testid="merges">
            {person.merged.map(({ person_id, merged_at }) => (
              <li key={person_id}>
                <span>Person {person_id}</span>
                <ZonedTime at={merged_at} />
              </li>
            ))}
          </ul>
        </>
      )}
      <p className="fine">
        <Link to="/people/links">Which identifiers join people</Link>
      </p>
    </section>
  );
}
