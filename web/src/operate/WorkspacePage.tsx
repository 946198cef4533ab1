import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { getRouteApi } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useSession } from '../app/session.ts';
import { ApiError, bodyOf, type Workspace } from '../data/api.ts';
import { useApiMutation, useApiQuery, WHILE_EDITED } from '../data/queries.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { ErrorState, LoadingState, Notice } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { changesOf, draftOf, patchOf, problemOf, SETTINGS, shown, type Draft, type SettingKey } from './settings.ts';
import { SettingsFields } from './SettingsFields.tsx';
import { WORKSPACES } from './workspaces.ts';
import './operate.css';

const route = getRouteApi('/operate/workspaces/$id');

export function WorkspacePage() {
  const { id } = route.useParams();
  const { role } = useSession();
  const workspace = useApiQuery(
    ['workspace', id],
    (api, signal) => bodyOf(api.GET('/v1/workspaces/{id}', { params: { path: { id } }, signal })),
    WHILE_EDITED,
  );
  const { data } = workspace;
  return (
    <div className="page">
      <PageHeader title={data?.name ?? id} back={{ to: '/operate/workspaces', title: 'Workspaces' }}>
        {data ? (
          <>
            Workspace <code>{data.id}</code>, created <ZonedTime at={data.created_at} as="stamp" />
          </>
        ) : undefined}
      </PageHeader>
      {workspace.error && !data ? (
        <ErrorState what="Cannot load the workspace" error={workspace.error} onRetry={() => void workspace.refetch()} />
      ) : !data ? (
        <LoadingState what="Loading the settings" />
      ) : role === 'admin' ? (
        // Every workspace and every saved version begins with a form of its own.
        <SettingsForm key={`${data.id} ${data.version}`} workspace={data} onReload={() => void workspace.refetch()} />
      ) : (
        <SettingsFacts workspace={data} />
      )}
    </div>
  );
}

const GROUPS = [...new Set(SETTINGS.map(({ group }) => group))];

interface SettingsFormProps {
  workspace: Workspace;
  onReload(): void;
}

function SettingsForm({ workspace, onReload }: SettingsFormProps) {
  const session = useSession();
  const [draft, setDraft] = useState<Draft>(() => draftOf(workspace));
  const changes = changesOf(workspace, draft);
  const invalid = SETTINGS.filter((setting) => problemOf(setting, draft[setting.key]) !== null);
  const params = { path: { id: workspace.id }, header: { 'If-Match': `"${workspace.version}"` } };
  const save = useApiMutation(
    (api) => bodyOf(api.PATCH('/v1/workspaces/{id}', { params, body: patchOf(changes, draft) })),
    {
      outdates: [WORKSPACES, ['workspace', workspace.id]],
      onSuccess: ({ id }) => {
        notifications.show({ color: 'leaf', title: 'Saved', message: 'The new settings apply within a second.' });
        // The name and the zone are on every page.
        if (id === session.workspace.id) session.refresh();
      },
    },
  );
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (changes.length > 0 && invalid.length === 0) save.mutate();
  };
  const conflict = save.error instanceof ApiError && save.error.status === 409;
  return (
    <form className="settings" onSubmit={submit} noValidate>
      {GROUPS.map((group) => (
        <section key={group} className="panel form" aria-labelledby={`settings-${group}`}>
          <h2 id={`settings-${group}`}>{group}</h2>
          <SettingsFields
            settings={SETTINGS.filter((setting) => setting.group === group)}
            draft={draft}
            onChange={(key: SettingKey, text: string) => setDraft({ ...draft, [key]: text })}
            checked={new Set(SETTINGS.map(({ key }) => key))}
            explainsChanges
          />
        </section>
      ))}
      <section
        className="panel form save-bar"
        data-changed={changes.length > 0 || undefined}
        aria-label="Changes"
        aria-live="polite"
      >
        {changes.length === 0 ? (
          <p className="fine">Nothing is changed.</p>
        ) : (
          <ul className="changes">
            {changes.map(({ setting, from, to }) => (
              <li key={setting.key}>
                {setting.label}: <del>{from}</del> <span aria-hidden="true">→</span> <ins>{to}</ins>
              </li>
            ))}
          </ul>
        )}
        {conflict ? (
          <Notice
            title="Somebody else has changed these settings"
            tone="error"
            action={{ label: 'Load them', onClick: onReload }}
          >
            Nothing was saved. Load the current settings, then make your changes again.
          </Notice>
        ) : (
          save.error && <ErrorState what="Cannot save the settings" error={save.error} />
        )}
        <div className="card-actions">
          <Button type="submit" loading={save.isPending} disabled={changes.length === 0 || invalid.length > 0}>
            Save changes
          </Button>
          <Button variant="default" disabled={changes.length === 0} onClick={() => setDraft(draftOf(workspace))}>
            Discard
          </Button>
        </div>
      </section>
    </form>
  );
}

/** For keys that may not change them. */
function SettingsFacts({ workspace }: { workspace: Workspace }) {
  const draft = draftOf(workspace);
  return (
    <section className="panel" aria-label="Settings">
      <dl className="setting-facts">
        {SETTINGS.map((setting) => (
          <div key={setting.key}>
            <dt>{setting.label}</dt>
            <dd>
              <strong>{shown(setting, draft[setting.key])}</strong>
              <p className="fine">{setting.does}</p>
            </dd>
          </div>
        ))}
      </dl>
      <p className="fine">Only an admin key can change these settings.</p>
    </section>
  );
}
