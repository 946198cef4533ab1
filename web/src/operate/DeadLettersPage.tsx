import { Button, Checkbox, Drawer } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bodyOf, type DeadLetter } from '../data/api.ts';
import { Notice, ErrorState, remedyFor } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { ago, useNow } from '../design/time.ts';
import { LetterView } from './LetterView.tsx';
import { reasonWords } from './words.ts';
import './operate.css';

const PAGE_SIZE = 50;

export function DeadLettersPage() {
  const { api, workspace } = useSession();
  const queries = useQueryClient();
  const [openId, setOpenId] = useState<string | null>(null);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [busy, setBusy] = useState(false);
  const key = ['dead-letters', workspace.id];
  const list = useInfiniteQuery({
    queryKey: key,
    initialPageParam: '',
    queryFn: ({ pageParam, signal }) =>
      bodyOf(
        api.GET('/v1/dead-letters', {
          params: { query: { limit: PAGE_SIZE, ...(pageParam === '' ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    getNextPageParam: (page) => page.next_cursor,
    refetchInterval: 10_000,
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const toggle = (id: string): void => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    setChosen(next);
  };
  const replayChosen = async (): Promise<void> => {
    setBusy(true);
    const refusals: string[] = [];
    for (const id of chosen) {
      await bodyOf(api.POST('/v1/dead-letters/{id}/replay', { params: { path: { id } }, body: {} })).catch(
        (error: unknown) => refusals.push(remedyFor(error)),
      );
    }
    const done = chosen.size - refusals.length;
    notifications.show({
      color: refusals.length === 0 ? 'leaf' : 'yellow',
      title: `${done} of ${chosen.size} replayed`,
      message:
        refusals[0] === undefined ? 'They are being processed.' : `The others still cannot be used: ${refusals[0]}`,
    });
    setChosen(new Set());
    setBusy(false);
    await queries.invalidateQueries({ queryKey: key });
  };

  return (
    <div className="page">
      <header className="page-head">
        <div>
          <h1>Dead letters</h1>
          <p className="fine">
            Authenticated deliveries that could not be used. Correct and replay them within 30 days. Replayed ones stay
            in the list; replaying one twice is harmless.
          </p>
        </div>
        <Button onClick={() => void replayChosen()} disabled={chosen.size === 0} loading={busy}>
          {chosen.size === 0 ? 'Replay' : `Replay ${chosen.size}`}
        </Button>
      </header>
      {list.error && !list.data && (
        <ErrorState what="Cannot load the dead letters" error={list.error} onRetry={() => void list.refetch()} />
      )}
      {list.data && items.length === 0 && (
        <Notice title="No dead letters">
          A delivery appears here when it is authenticated but is not JSON, has no cart id or status, or belongs to a
          store that its subscription does not cover.
        </Notice>
      )}
      {items.length > 0 && (
        <ul className="letters panel">
          {items.map((letter) => (
            <LetterRow
              key={letter.dead_letter_id}
              letter={letter}
              chosen={chosen.has(letter.dead_letter_id)}
              onChoose={() => toggle(letter.dead_letter_id)}
              onOpen={() => setOpenId(letter.dead_letter_id)}
            />
          ))}
        </ul>
      )}
      {list.hasNextPage && (
        <Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>
          Load older
        </Button>
      )}
      <Drawer
        opened={openId !== null}
        onClose={() => setOpenId(null)}
        position="right"
        size="lg"
        title="Dead letter"
        padding="lg"
      >
        {openId !== null && (
          <LetterView
            id={openId}
            onReplayed={() => {
              setOpenId(null);
              void queries.invalidateQueries({ queryKey: key });
            }}
          />
        )}
      </Drawer>
    </div>
  );
}

interface LetterRowProps {
  letter: DeadLetter;
  chosen: boolean;
  onChoose(): void;
  onOpen(): void;
}

function LetterRow({ letter, chosen, onChoose, onOpen }: LetterRowProps) {
  const nowMs = useNow(10_000);
  const origin = letter.line === null ? letter.source : `${letter.source}, line ${letter.line}`;
  return (
    <li className="letter">
      <Checkbox
        size="xs"
        checked={chosen}
        onChange={onChoose}
        aria-label={`Select ${reasonWords(letter.reason)} of ${letter.received_at}`}
      />
      <button type="button" className="letter-open" onClick={onOpen}>
        <span className="letter-reason">{reasonWords(letter.reason)}</span>
        <span className="letter-message">{letter.message}</span>
        <span className="letter-source">{origin}</span>
        <time dateTime={letter.received_at}>{ago(Date.parse(letter.received_at), nowMs)}</time>
      </button>
    </li>
  );
}
