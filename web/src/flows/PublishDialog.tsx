import { Button, Modal, Radio } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState, type FormEvent } from 'react';
import { bodyOf, type SavedFlow } from '../data/api.ts';
import { useApiMutation, useApiQuery } from '../data/queries.ts';
import { ErrorState, LoadingState, Notice } from '../design/states.tsx';

interface PublishDialogProps {
  saved: SavedFlow;
  opened: boolean;
  onClose(): void;
}

/** Checks a version as publishing does, and publishes it. */
export function PublishDialog({ saved, opened, onClose }: PublishDialogProps) {
  return (
    <Modal opened={opened} onClose={onClose} title={`Publish version ${saved.version}?`} centered>
      <PublishForm saved={saved} onClose={onClose} />
    </Modal>
  );
}

function PublishForm({ saved, onClose }: Omit<PublishDialogProps, 'opened'>) {
  const { id, version, live_version, state } = saved;
  const [runs, setRuns] = useState<'finish' | 'move'>('finish');
  const checked = useApiQuery(
    ['flow-problems', id, version],
    (api, signal) => bodyOf(api.POST('/v1/flows/validate', { body: { id }, signal })),
    { staleTime: 0 },
  );
  const publish = useApiMutation(
    (api) => {
      const params = { path: { id }, header: { 'If-Match': `"${version}"` } };
      return bodyOf(api.POST('/v1/flows/{id}/publish', { params, body: { runs } }));
    },
    {
      outdates: [['flow', id], ['flows']],
      onSuccess: (published) => {
        const message =
          published.state === 'publishing'
            ? 'It goes live as soon as the carts and people that it needs are in the log of flows.'
            : `Version ${published.version} is ${published.state}.`;
        notifications.show({ color: 'leaf', title: 'Published', message });
        onClose();
      },
    },
  );
  const errors = checked.data?.errors ?? [];
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    publish.mutate();
  };
  return (
    <form className="form" onSubmit={submit}>
      <div className="confirm-text">
        <p>
          {state === 'paused'
            ? 'The flow stays paused: nothing starts and nothing is sent until it is resumed.'
            : 'From then on, what happens to carts and orders starts runs. Earlier events start nothing.'}
        </p>
      </div>
      {live_version !== null && (
        <Radio.Group label="Runs that are live now" value={runs} onChange={(value) => setRuns(value as typeof runs)}>
          <div className="choices">
            <Radio value="finish" label={`finish on version ${live_version}`} />
            <Radio value="move" label={`continue on version ${version}, at the same node or the next one`} />
          </div>
        </Radio.Group>
      )}
      {checked.error && <ErrorState what="Cannot check this flow" error={checked.error} />}
      {checked.isPending && <LoadingState lines={2} what="Checking the flow" />}
      <Problems title="It cannot be published yet" tone="error" items={errors} />
      <Problems title="Carriers or laws may object" tone="calm" items={checked.data?.warnings ?? []} />
      {publish.error && <ErrorState what="Publishing failed" error={publish.error} />}
      <div className="confirm-actions">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <Button type="submit" disabled={!checked.data || errors.length > 0} loading={publish.isPending}>
          Publish
        </Button>
      </div>
    </form>
  );
}

interface ProblemsProps {
  title: string;
  tone: 'calm' | 'error';
  items: readonly { path: string; message: string }[];
}

function Problems({ title, tone, items }: ProblemsProps) {
  if (items.length === 0) return null;
  return (
    <Notice title={title} tone={tone}>
      <ul>
        {items.map(({ path, message }) => (
          <li key={`${path} ${message}`}>
            <code>{path}</code> {message}
          </li>
        ))}
      </ul>
    </Notice>
  );
}
