import { Badge, TextInput } from '@mantine/core';
import { IconPlus, IconSearch } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useMemo, useState } from 'react';
import type { SavedAudience } from '../data/api.ts';
import { Figure } from '../design/Figure.tsx';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import './audiences.css';
import { askedOf, hasTrend, useAudiences, useListSize, useListTrend } from './data.ts';
import { inWords, renderText } from './model/text.ts';
import { Sparkline } from './Sparkline.tsx';
import { EXAMPLES } from './examples.ts';
import { useSeen } from '../design/useSeen.ts';

/** All saved audiences with their sizes. */
export function AudiencesPage() {
  const navigate = useNavigate();
  const list = useAudiences();
  const [wanted, setWanted] = useState('');
  const shown = useMemo(() => {
    const words = wanted.trim().toLowerCase();
    const all = [...(list.data ?? [])].sort((a, b) => b.updated_at.localeCompare(a.updated_at));
    return words === ''
      ? all
      : all.filter(({ name, description }) => `${name} ${description ?? ''}`.toLowerCase().includes(words));
  }, [list.data, wanted]);
  const create = (
    <RoleButton
      needs="read"
      leftSection={<IconPlus size={16} />}
      onClick={() => void navigate({ to: '/audiences/new', search: {} })}
    >
      New audience
    </RoleButton>
  );
  const empty = list.data?.length === 0;
  return (
    <>
      <PageHeader title="Audiences" actions={empty ? undefined : create}>
        People selected by what happened to their carts and orders. Sizes are as of now.
      </PageHeader>
      {list.error && !list.data ? (
        <ErrorState what="Cannot load the audiences" error={list.error} onRetry={() => void list.refetch()} />
      ) : !list.data ? (
        <LoadingState lines={8} what="Loading the audiences" />
      ) : empty ? (
        <>
          <EmptyState title="No audiences yet" action={create}>
            An audience is a question such as “who abandoned a cart in the last 30 minutes and has not ordered today?”.
            The answer is counted while you build it.
          </EmptyState>
          <Examples />
        </>
      ) : (
        <>
          {list.data.length > 8 && (
            <TextInput
              className="list-search"
              aria-label="Search audiences"
              placeholder="Search by name"
              leftSection={<IconSearch size={15} aria-hidden />}
              value={wanted}
              onChange={(event) => setWanted(event.currentTarget.value)}
            />
          )}
          <ul className="panel audience-list" data-testid="audiences">
            {shown.map((audience) => (
              <Row key={audience.id} saved={audience} />
            ))}
          </ul>
          {shown.length === 0 && <p className="fine">No audience has “{wanted.trim()}” in its name.</p>}
        </>
      )}
    </>
  );
}

function Row({ saved }: { saved: SavedAudience }) {
  const [ref, seen] = useSeen<HTMLLIElement>();
  const question = useMemo(() => askedOf(saved), [saved]);
  const size = useListSize(saved, seen);
  const trend = useListTrend(saved, seen && hasTrend(question));
  return (
    <li ref={ref} className="audience-row">
      <Link className="audience-link" to="/audiences/$id" params={{ id: saved.id }} search={{}}>
        <span className="audience-name">
          {saved.name}
          {saved.live && (
            <Badge size="xs" variant="light">
              live
            </Badge>
          )}
        </span>
        <span className="audience-words">
          {saved.description === null || saved.description === '' ? inWords(question.audience) : saved.description}
        </span>
      </Link>
      <Sparkline points={trend} label={`${saved.name}: the last 7 days`} />
      <span className="audience-size">
        <Figure value={size?.count ?? null} />
        <small>{size === null ? ' ' : `${size.reachable.sms.toLocaleString('en-US')} by SMS`}</small>
      </span>
      <span className="audience-updated">
        <ZonedTime at={saved.updated_at} as="ago" />
      </span>
    </li>
  );
}

/** Questions to begin with. */
function Examples() {
  return (
    <section className="examples" aria-labelledby="examples-title">
      <h2 id="examples-title">Begin with an example</h2>
      <ul>
        {EXAMPLES.map(({ title, audience }) => (
          <li key={title}>
            <Link className="card-link" to="/audiences/new" search={{ text: renderText(audience) }}>
              <strong>{title}</strong>
              <span>{inWords(audience)}</span>
            </Link>
          </li>
        ))}
      </ul>
    </section>
  );
}
