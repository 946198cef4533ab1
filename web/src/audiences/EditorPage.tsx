import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { useEffect, useState } from 'react';
import type { Audience } from '../../../lib/audiences/tree.ts';
import { useSession } from '../app/session.ts';
import type { SavedAudience } from '../data/api.ts';
import { useOutdate } from '../data/queries.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { createAudience, draftOf, parseText, replaceAudience, useAudience, type Draft } from './data.ts';
import { Editor } from './Editor.tsx';

const EMPTY: Draft = {
  name: '',
  description: null,
  audience: {
    and: [{ trait: 'cart_abandoned', recovered: false, time: { operator: 'in_last', amount: 30, unit: 'minutes' } }],
  },
  include_anonymous: false,
  live: false,
};

const BACK = { to: '/audiences', title: 'Audiences' };

/** Builds a new audience, from the beginning, from a text in the address, or from a copy. */
export function NewAudiencePage() {
  const { api } = useSession();
  const navigate = useNavigate();
  const outdate = useOutdate();
  const search = useSearch({ from: '/audiences/new' });
  // Later changes of the address are the editor's own.
  const [{ text, from }] = useState(search);
  const source = useAudience(from ?? null);
  const parsed = useParsed(text ?? null);
  const error = source.error ?? parsed.error;
  if (error) return <Unavailable what="Cannot open this draft" error={error} />;
  const start = draftFrom(
    text === undefined ? null : parsed.audience,
    from === undefined ? null : (source.data ?? null),
  );
  if ((from !== undefined && !source.data) || (text !== undefined && !parsed.audience))
    return <LoadingState lines={6} />;
  return (
    <Editor
      key={from ?? 'new'}
      start={start}
      heading="New audience"
      back={BACK}
      onText={(next) =>
        void navigate({
          to: '/audiences/new',
          search: { text: next, from: undefined },
          replace: true,
          resetScroll: false,
        })
      }
      save={(draft) => createAudience(api, draft)}
      onSaved={(saved) => {
        outdate(['audiences']);
        void navigate({ to: '/audiences/$id', params: { id: saved.id } });
      }}
    />
  );
}

function draftFrom(audience: Audience | null, source: SavedAudience | null): Draft {
  if (source) {
    const { name, description, include_anonymous } = source;
    return {
      ...EMPTY,
      name: `Copy of ${name}`,
      description,
      include_anonymous,
      audience: audience ?? (source.audience as Audience),
    };
  }
  return audience ? { ...EMPTY, audience } : EMPTY;
}

/** The audience of a text form. */
function useParsed(text: string | null): { audience: Audience | null; error: unknown } {
  const { api } = useSession();
  const [outcome, setOutcome] = useState<{ audience: Audience | null; error: unknown }>({
    audience: null,
    error: null,
  });
  useEffect(() => {
    if (text === null) return;
    const abort = new AbortController();
    parseText(api, text, abort.signal)
      .then((audience) => setOutcome({ audience, error: null }))
      .catch((error: unknown) => !abort.signal.aborted && setOutcome({ audience: null, error }));
    return () => abort.abort();
  }, [api, text]);
  return outcome;
}

/** Edits a saved audience; saving makes its next version. */
export function EditAudiencePage() {
  const { id } = useParams({ from: '/audiences/$id/edit' });
  // With the id as key: the draft of one audience must not be saved as another, to which the history may lead directly.
  return <EditAudience key={id} id={id} />;
}

function EditAudience({ id }: { id: string }) {
  const { api } = useSession();
  const navigate = useNavigate();
  const outdate = useOutdate();
  const current = useAudience(id);
  // The version that was opened: what is saved meanwhile by somebody else must not replace what is being edited.
  const [opened, setOpened] = useState<SavedAudience | null>(null);
  const loaded = current.data;
  useEffect(() => {
    if (loaded) setOpened((before) => before ?? loaded);
  }, [loaded]);
  if (current.error && !opened) return <Unavailable what="Cannot open this audience" error={current.error} />;
  if (!opened) return <LoadingState lines={6} />;
  const newest = loaded?.version ?? opened.version;
  return (
    <Editor
      start={draftOf(opened)}
      heading={`Edit ${opened.name}`}
      back={{ to: `/audiences/${id}`, title: opened.name }}
      newerVersion={newest > opened.version ? newest : null}
      save={(draft, force) => replaceAudience(api, id, force ? newest : opened.version, draft)}
      onSaved={() => {
        outdate(['audiences'], ['audience', id], ['audience-versions', id]);
        void navigate({ to: '/audiences/$id', params: { id } });
      }}
    />
  );
}

function Unavailable({ what, error }: { what: string; error: unknown }) {
  return (
    <>
      <PageHeader title="Audience" back={BACK} />
      <ErrorState what={what} error={error} onRetry={() => window.location.reload()} />
    </>
  );
}
