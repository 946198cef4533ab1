import { Button, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { request, type DeadLetter } from '../api.ts';
import { Notice, Trouble } from '../parts/Notice.tsx';
import { useSession } from '../session.ts';
import { stampIn } from '../time.ts';
import { reasonWords } from './words.ts';

/** One dead letter: why it could not be used, its body to mend, and the way back in. */
export function LetterView({ id, onReplayed }: { id: string; onReplayed(): void }) {
  const { credentials, workspace } = useSession();
  const path = `/v1/dead-letters/${encodeURIComponent(id)}`;
  const letter = useQuery({
    queryKey: ['dead-letter', workspace.id, id],
    queryFn: ({ signal }) => request<DeadLetter>(credentials, 'GET', path, undefined, signal),
    staleTime: Infinity,
  });
  const [mended, setMended] = useState<string | null>(null);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>(null);

  if (letter.error)
    return <Trouble what="It could not be read" error={letter.error} onRetry={() => void letter.refetch()} />;
  if (!letter.data) return null;
  const { data } = letter;
  const body = data.body ?? '';
  const text = mended ?? body;
  const changed = mended !== null && mended !== body;
  const replay = (): void => {
    setBusy(true);
    setError(null);
    request(credentials, 'POST', `${path}/replay`, changed ? { body: text } : {})
      .then(() => {
        notifications.show({ color: 'leaf', title: 'Replayed', message: 'It is counted now.' });
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
          <dt>Came by</dt>
          <dd>{data.subscription_id ?? `${data.source}${data.line === null ? '' : `, line ${data.line}`}`}</dd>
        </div>
      </dl>
      <Textarea
        label="Body"
        description={
          data.body_truncated
            ? 'It was too long to be kept whole: only its beginning is here, so it cannot be replayed as it is.'
            : 'Change it here, then replay it. The original stays as it came.'
        }
        value={text}
        onChange={(event) => setMended(event.currentTarget.value)}
        autosize
        minRows={10}
        maxRows={24}
        spellCheck={false}
        classNames={{ input: 'mono' }}
      />
      <div className="card-actions">
        <Button size="xs" variant="default" onClick={() => setMended(pretty(text))} disabled={pretty(text) === text}>
          Lay out
        </Button>
        <Button size="xs" variant="default" onClick={() => setMended(null)} disabled={!changed}>
          As it came
        </Button>
      </div>
      {error !== null && <Trouble what="It could not be used this time either" error={error} />}
      <Button onClick={replay} loading={busy}>
        {changed ? 'Replay mended' : 'Replay as it is'}
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
