import { Button, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { bodyOf } from '../data/api.ts';
import { Notice, ErrorState } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { stampIn } from '../design/time.ts';
import { reasonWords } from './words.ts';

/** One dead letter: the reason, its body to correct, and the replay. */
export function LetterView({ id, onReplayed }: { id: string; onReplayed(): void }) {
  const { api, workspace } = useSession();
  const params = { path: { id } };
  const letter = useQuery({
    queryKey: ['dead-letter', workspace.id, id],
    queryFn: ({ signal }) => bodyOf(api.GET('/v1/dead-letters/{id}', { params, signal })),
    staleTime: Infinity,
  });
  const [edited, setEdited] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  if (letter.error)
    return (
      <ErrorState what="Cannot load this dead letter" error={letter.error} onRetry={() => void letter.refetch()} />
    );
  if (!letter.data) return null;
  const { data } = letter;
  const text = edited ?? data.body;
  const changed = edited !== null && edited !== data.body;
  const replay = (): void => {
    setBusy(true);
    setError(null);
    bodyOf(api.POST('/v1/dead-letters/{id}/replay', { params, body: changed ? { body: text } : {} }))
      .then(() => {
        notifications.show({ color: 'leaf', title: 'Replayed', message: 'It is being processed.' });
        onReplayed();
      })
      .catch(setError)
      .finally(() => setBusy(false));
  };
  return (
    <div className="form">
      <Notice title={reasonWords(data.reason)}>{data.message}</Notice>
      <dl className="facts">
        <div>
          <dt>Received</dt>
          <dd title={data.received_at}>{stampIn(workspace.time_zone, Date.parse(data.received_at))}</dd>
        </div>
        <div>
          <dt>Source</dt>
          <dd>{data.subscription_id ?? `${data.source}${data.line === null ? '' : `, line ${data.line}`}`}</dd>
        </div>
      </dl>
      <Textarea
        label="Body"
        description={
          data.body_truncated
            ? 'The body was too long to be stored completely, so it cannot be replayed unchanged.'
            : 'Edit the body here, then replay it. The original is kept.'
        }
        value={text}
        onChange={(event) => setEdited(event.currentTarget.value)}
        autosize
        minRows={10}
        maxRows={24}
        spellCheck={false}
        classNames={{ input: 'mono' }}
      />
      <div className="card-actions">
        <Button size="xs" variant="default" onClick={() => setEdited(pretty(text))} disabled={pretty(text) === text}>
          Format
        </Button>
        <Button size="xs" variant="default" onClick={() => setEdited(null)} disabled={!changed}>
          Reset
        </Button>
      </div>
      {error !== null && <ErrorState what="It still cannot be used" error={error} />}
      <Button onClick={replay} loading={busy}>
        {changed ? 'Replay edited' : 'Replay unchanged'}
      </Button>
    </div>
  );
}

function pretty(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
