import { Button, Checkbox, Drawer, Select } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useInfiniteQuery } from '@tanstack/react-query';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useRefusal } from '../app/roles.ts';
import { useSession } from '../app/session.ts';
import { bodyOf, type DeadLetter } from '../data/api.ts';
import { useOutdate } from '../data/queries.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { EmptyState, ErrorState, LoadingState, remedyFor } from '../design/states.tsx';
import { counted } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { LetterView } from './LetterView.tsx';
import { replayResult, selectedOf } from './replays.ts';
import { reasonWords, SOURCE_WORDS, sourceOf, type LetterSource } from './words.ts';
import './operate.css';

const PAGE_SIZE = 50;
const LETTERS = ['dead-letters'] as const;
const route = getRouteApi('/operate/dead-letters');

export function DeadLettersPage() {
  const refusal = useRefusal('write');
  if (refusal === null) return <DeadLetters />;
  return (
    <div className="page">
      <PageHeader title="Dead letters" />
      <EmptyState title="Dead letters need a write key">{refusal}</EmptyState>
    </div>
  );
}

function useLetters(source: LetterSource | undefined, reason: string | undefined) {
  const { api, workspace } = useSession();
  return useInfiniteQuery({
    queryKey: [workspace.id, ...LETTERS, source ?? '', reason ?? ''],
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) => {
      const query = {
        limit: PAGE_SIZE,
        ...(pageParam === '' ? {} : { cursor: pageParam }),
        ...(source === undefined ? {} : { source }),
        ...(reason === undefined ? {} : { reason }),
      };
      return bodyOf(api.GET('/v1/dead-letters', { params: { query }, signal }));
    },
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 10_000,
  });
}

function DeadLetters() {
  const { api } = useSession();
  const { id, source, reason } = route.useSearch();
  const navigate = route.useNavigate();
  const outdate = useOutdate();
  const list = useLetters(source, reason);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const selected = selectedOf(items, chosen);
  const toggle = (letter: string): void => {
    const next = new Set(chosen);
    if (!next.delete(letter)) next.add(letter);
    setChosen(next);
  };
  const close = (): void => void navigate({ search: ({ id: _, ...filters }) => filters, resetScroll: false });
  const replayChosen = async (): Promise<void> => {
    setBusy(true);
    const refusals: string[] = [];
    for (const letter of selected) {
      const params = { path: { id: letter } };
      await bodyOf(api.POST('/v1/dead-letters/{id}/replay', { params, body: {} })).catch((error: unknown) =>
        refusals.push(remedyFor(error)),
      );
    }
    notifications.show(replayResult(selected.size, refusals));
    setChosen(new Set());
    setBusy(false);
    outdate(LETTERS);
  };
  return (
    <div className="page">
      <PageHeader
        title="Dead letters"
        actions={
          items.length > 0 && (
            <RoleButton needs="write" onClick={() => void replayChosen()} disabled={selected.size === 0} loading={busy}>
              {selected.size === 0 ? 'Replay' : `Replay ${selected.size}`}
            </RoleButton>
          )
        }
      >
        Authenticated deliveries that could not be used. Correct and replay them within 30 days. Replayed ones stay in
        the list; replaying one twice is harmless.
      </PageHeader>
      <Filters items={items} />
      {list.error && !list.data && (
        <ErrorState what="Cannot load the dead letters" error={list.error} onRetry={() => void list.refetch()} />
      )}
      {!list.data && !list.error && <LoadingState what="Loading the dead letters" lines={6} />}
      {list.data && items.length === 0 && <NoLetters filtered={source !== undefined || reason !== undefined} />}
      {items.length > 0 && (
        <ChooseAll
          items={items}
          chosen={selected}
          onChoose={(all) => setChosen(new Set(all ? items.map(({ dead_letter_id }) => dead_letter_id) : []))}
        />
      )}
      {items.length > 0 && (
        <ul className="letters panel">
          {items.map((letter) => (
            <LetterRow
              key={letter.dead_letter_id}
              letter={letter}
              chosen={selected.has(letter.dead_letter_id)}
              onChoose={() => toggle(letter.dead_letter_id)}
            />
          ))}
        </ul>
      )}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Load older
        </Button>
      )}
      <Drawer opened={id !== undefined} onClose={close} position="right" size="lg" title="Dead letter" padding="lg">
        {id !== undefined && (
          <LetterView
            key={id}
            id={id}
            onReplayed={() => {
              close();
              outdate(LETTERS);
            }}
          />
        )}
      </Drawer>
    </div>
  );
}

function NoLetters({ filtered }: { filtered: boolean }) {
  if (filtered)
    return (
      <EmptyState
        title="No dead letters match"
        action={
          <Link to="/operate/dead-letters" search={{}}>
            Show all of them
          </Link>
        }
      />
    );
  return (
    <EmptyState title="No dead letters">
      A delivery appears here when it is authenticated but is not JSON, has no cart id or status, or belongs to a store
      that its subscription does not cover.
    </EmptyState>
  );
}

/** By source and reason; the address keeps both. */
function Filters({ items }: { items: readonly DeadLetter[] }) {
  const { source, reason } = route.useSearch();
  const navigate = route.useNavigate();
  const reasons = [...new Set([...items.map((letter) => letter.reason), ...(reason === undefined ? [] : [reason])])];
  if (items.length === 0 && source === undefined && reason === undefined) return null;
  const set = (change: { source?: LetterSource } | { reason?: string }, without: 'source' | 'reason'): void =>
    void navigate({
      search: ({ [without]: _, ...rest }) => ({ ...rest, ...change }),
      replace: true,
      resetScroll: false,
    });
  return (
    <div className="filters">
      <Select
        label="Source"
        size="xs"
        placeholder="All sources"
        clearable
        data={Object.entries(SOURCE_WORDS).map(([value, label]) => ({ value, label }))}
        value={source ?? null}
        onChange={(value) => set(value === null ? {} : { source: value as LetterSource }, 'source')}
      />
      <Select
        label="Reason"
        size="xs"
        placeholder="All reasons"
        clearable
        data={reasons.sort().map((value) => ({ value, label: reasonWords(value) }))}
        value={reason ?? null}
        onChange={(value) => set(value === null ? {} : { reason: value }, 'reason')}
      />
    </div>
  );
}

interface ChooseAllProps {
  items: readonly DeadLetter[];
  chosen: ReadonlySet<string>;
  onChoose(all: boolean): void;
}

function ChooseAll({ items, chosen, onChoose }: ChooseAllProps) {
  return (
    <Checkbox
      className="choose-all"
      size="xs"
      label={
        chosen.size === 0
          ? `Select all ${counted(items.length, 'dead letter', 'dead letters')} below`
          : `${chosen.size} selected`
      }
      checked={chosen.size === items.length}
      indeterminate={chosen.size > 0 && chosen.size < items.length}
      onChange={(event) => onChoose(event.currentTarget.checked)}
    />
  );
}

interface LetterRowProps {
  letter: DeadLetter;
  chosen: boolean;
  onChoose(): void;
}

function LetterRow({ letter, chosen, onChoose }: LetterRowProps) {
  return (
    <li className="letter">
      <Checkbox
        size="xs"
        checked={chosen}
        onChange={onChoose}
        aria-label={`Select ${reasonWords(letter.reason)} of ${letter.received_at}`}
      />
      <Link
        className="letter-open"
        from="/operate/dead-letters"
        to="."
        search={(filters) => ({ ...filters, id: letter.dead_letter_id })}
        resetScroll={false}
      >
        <span className="letter-reason">{reasonWords(letter.reason)}</span>
        <span className="letter-message">{letter.message}</span>
        <span className="letter-source">{sourceOf(letter)}</span>
        <ZonedTime at={letter.received_at} as="ago" />
      </Link>
    </li>
  );
}
