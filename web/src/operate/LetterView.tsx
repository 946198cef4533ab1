import { Button, Textarea } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { bodyOf } from '../data/api.ts';
import { useApiMutation, useApiQuery } from '../data/queries.ts';
import { ErrorState, LoadingState, Notice } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { reasonWords, sourceOf } from './words.ts';

/** One dead letter: the reason, its body to correct, and the replay. */
export function LetterView({ id, onReplayed }: { id: string; onReplayed(): void }) {
  const params = { path: { id } };
  const letter = useApiQuery(
    ['dead-letter', id],
    (api, signal) => bodyOf(api.GET('/v1/dead-letters/{id}', { params, signal })),
    { staleTime: Infinity },
  );
  const [edited, setEdited] = useState<string | null>(null);
  const replay = useApiMutation(
    (api, body: { body?: string }) => bodyOf(api.POST('/v1/dead-letters/{id}/replay', { params, body })),
    {
      onSuccess: () => {
        notifications.show({ color: 'leaf', title: 'Replayed', message: 'It is being processed.' });
        onReplayed();
      },
    },
  );
  if (letter.error)
    return (
      <ErrorState what="Cannot load this dead letter" error={letter.error} onRetry={() => void letter.refetch()} />
    );
  if (!letter.data) return <LoadingState what="Loading the dead letter" lines={8} />;
  const { data } = letter;
  const text = edited ?? data.body;
  const changed = edited !== null && edited !== data.body;
  return (
    <div className="form">
      <Notice title={reasonWords(data.reason)}>{data.message}</Notice>
      <dl className="facts">
        <div>
          <dt>Received</dt>
          <dd>
            <ZonedTime at={data.received_at} as="stamp" />
          </dd>
        </div>
        <div>
          <dt>Source</dt>
          <dd>{data.subscription_id === null ? sourceOf(data) : `Webhook of ${data.subscription_id}`}</dd>
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
      {replay.error && <ErrorState what="It still cannot be used" error={replay.error} />}
      <Button onClick={() => replay.mutate(changed ? { body: text } : {})} loading={replay.isPending}>
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
