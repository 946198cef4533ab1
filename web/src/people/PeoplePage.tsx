import { Button, Select, TextInput } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState, type FormEvent } from 'react';
import type { Person } from '../data/api.ts';
import { phoneText } from '../design/format.ts';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { useLookups, type Found } from './data.ts';
import { isKind, KIND_LABELS, KINDS, kindsOf, searchOf, type PeopleSearch, type Search } from './identify.ts';
import { PeopleHeader } from './PeopleHeader.tsx';
import { titleOf } from './person.ts';
import { RecentPeople } from './RecentPeople.tsx';

const route = getRouteApi('/people');

/** Finds a person by any identifier. */
export function PeoplePage() {
  const search = route.useSearch();
  const navigate = route.useNavigate();
  const asked = searchOf(search);
  /**
   * A search that was just submitted opens the person if there is one only; going back to it does not. The answer of the
   * search before must not count for it: that one is on display until the address has changed.
   */
  const [submission, setSubmission] = useState<{ search: Search | null } | null>(null);
  const answered = useRef(submission);
  return (
    <>
      <PeopleHeader purpose="Find a person by phone, email or id: their carts and orders, consent and audiences." />
      <SearchForm
        key={JSON.stringify(search)}
        search={search}
        onSearch={(next) => {
          setSubmission({ search: searchOf(next) });
          void navigate({ search: next });
        }}
      />
      {asked === null ? (
        <RecentPeople />
      ) : (
        <Results
          key={JSON.stringify(asked)}
          asked={asked}
          submission={submission}
          onFound={(people) => {
            const isFor = JSON.stringify(submission?.search) === JSON.stringify(asked);
            if (!isFor || answered.current === submission) return;
            answered.current = submission;
            const [only] = people;
            if (only && people.length === 1) void navigate({ to: '/people/$id', params: { id: only.person_id } });
          }}
          onOtherKind={(next) => void navigate({ search: next })}
        />
      )}
    </>
  );
}

function SearchForm({ search, onSearch }: { search: PeopleSearch; onSearch(search: PeopleSearch): void }) {
  const [text, setText] = useState(search.q ?? '');
  /** Null: what the text looks like. */
  const [chosen, setChosen] = useState(search.kind ?? null);
  const [source, setSource] = useState(search.source ?? '');
  const recognised = kindsOf(text)[0] ?? null;
  const kind = chosen ?? recognised;
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() === '') return onSearch({});
    onSearch({
      q: text.trim(),
      ...(chosen === null ? {} : { kind: chosen }),
      ...(kind === 'external_user_id' && source.trim() !== '' ? { source: source.trim() } : {}),
    });
  };
  return (
    <form className="people-search panel" role="search" onSubmit={submit}>
      <TextInput
        className="people-search-text"
        size="sm"
        label="Phone, email or id"
        leftSection={<IconSearch size={18} aria-hidden />}
        value={text}
        onChange={(event) => setText(event.currentTarget.value)}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        maxLength={1_000}
      />
      <Select
        size="sm"
        label="Search as"
        data={[
          { value: 'auto', label: recognised === null ? 'Recognise it' : `${KIND_LABELS[recognised]} (recognised)` },
          ...KINDS.map((value) => ({ value, label: KIND_LABELS[value] })),
        ]}
        value={chosen ?? 'auto'}
        onChange={(value) => setChosen(isKind(value) ? value : null)}
        allowDeselect={false}
      />
      {kind === 'external_user_id' && (
        <TextInput
          size="sm"
          label="Source"
          placeholder="none"
          value={source}
          onChange={(event) => setSource(event.currentTarget.value)}
          autoComplete="off"
          maxLength={1_000}
        />
      )}
      <Button size="sm" type="submit">
        Search
      </Button>
    </form>
  );
}

interface ResultsProps {
  asked: Search;
  /** Another object for each time that a search was submitted: the same one may be submitted again. */
  submission: object | null;
  onFound(people: Person[]): void;
  onOtherKind(search: PeopleSearch): void;
}

function Results({ asked, submission, onFound, onOtherKind }: ResultsProps) {
  const [first] = useLookups([asked]);
  const found = first!.data;
  const people = found?.kind === 'found' ? found.people : null;
  const report = useRef(onFound);
  report.current = onFound;
  useEffect(() => {
    if (people) report.current(people);
  }, [people, submission]);
  if (first!.error && !found)
    return <ErrorState what="Cannot search" error={first!.error} onRetry={() => void first!.refetch()} />;
  if (!found) return <LoadingState what="Searching" />;
  if (people === null || people.length === 0) return <NotFound asked={asked} found={found} onOtherKind={onOtherKind} />;
  return (
    <section className="panel people-found" aria-label="People found">
      <PersonList people={people} />
      {people.length > 1 && (
        <p className="fine">
          Several people carry this identifier: it does not join people, because it is on the deny list or was seen with
          too many other identifiers. See the <Link to="/people/links">link report</Link>.
        </p>
      )}
    </section>
  );
}

function PersonList({ people }: { people: readonly Person[] }) {
  return (
    <ul className="people-list">
      {people.map((person) => (
        <li key={person.person_id}>
          <Link className="people-row" to="/people/$id" params={{ id: person.person_id }}>
            <strong>{titleOf(person)}</strong>
            <span className="people-contacts">
              {[
                ...person.identifiers.emails.slice(0, 1).map(({ value }) => value),
                ...person.identifiers.phones.slice(0, 1).map(({ value }) => phoneText(value)),
              ].join(' · ')}
            </span>
            <span className="people-when">
              last seen <ZonedTime at={person.last_at} as="ago" />
            </span>
          </Link>
        </li>
      ))}
    </ul>
  );
}

/** Says what was looked for, and what the text also may be. */
function NotFound({ asked, found, onOtherKind }: Pick<ResultsProps, 'asked' | 'onOtherKind'> & { found: Found }) {
  const others = kindsOf(asked.value).filter((kind) => kind !== asked.kind);
  const lookups = useLookups(others.map((kind) => ({ kind, value: asked.value })));
  const hits = others.flatMap((kind, i) => {
    const data = lookups[i]!.data;
    return data?.kind === 'found' && data.people.length > 0 ? [{ kind, people: data.people }] : [];
  });
  const label = KIND_LABELS[asked.kind].toLowerCase();
  return (
    <>
      <EmptyState title={found.kind === 'invalid' ? `This is no ${label}` : `Nobody has this ${label}`}>
        {found.kind === 'invalid'
          ? `“${asked.value}” cannot be read as a ${label}. Check it, or choose what it is.`
          : hits.length > 0
            ? 'It was found as something else:'
            : `Nobody with “${asked.value}” was seen in this workspace. Phones and emails are compared in their normal form; ids literally.`}
      </EmptyState>
      {hits.map(({ kind, people }) => (
        <section key={kind} className="panel people-found" aria-label={`Found as ${KIND_LABELS[kind]}`}>
          <div className="panel-head">
            <h2>As {KIND_LABELS[kind].toLowerCase()}</h2>
            <Button size="compact-xs" variant="default" onClick={() => onOtherKind({ q: asked.value, kind })}>
              Search as {KIND_LABELS[kind].toLowerCase()}
            </Button>
          </div>
          <PersonList people={people} />
        </section>
      ))}
    </>
  );
}
