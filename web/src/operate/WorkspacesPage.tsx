import { Button, Modal } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link } from '@tanstack/react-router';
import { useState } from 'react';
import { useSession } from '../app/session.ts';
import { bodyOf, PAGE_MAX, type Workspace } from '../data/api.ts';
import { useApiQuery } from '../data/queries.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { counted } from '../design/words.ts';
import { NewWorkspaceForm, type MadeWorkspace } from './NewWorkspaceForm.tsx';
import { SecretsView } from './SecretsView.tsx';
import { WORKSPACES } from './workspaces.ts';
import './operate.css';

export function WorkspacesPage() {
  const { role } = useSession();
  const [creating, setCreating] = useState(false);
  const workspaces = useApiQuery(WORKSPACES, (api, signal) =>
    bodyOf(api.GET('/v1/workspaces', { params: { query: { limit: PAGE_MAX } }, signal })),
  );
  return (
    <div className="page">
      <PageHeader
        title="Workspaces"
        actions={
          <RoleButton needs="admin" leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)}>
            New workspace
          </RoleButton>
        }
      >
        {role === 'admin'
          ? 'Each retailer has a workspace of its own, with separate people, keys and settings.'
          : 'The workspace of your key. An admin key shows all of them, and can change their settings.'}
      </PageHeader>
      {workspaces.error && !workspaces.data ? (
        <ErrorState
          what="Cannot load the workspaces"
          error={workspaces.error}
          onRetry={() => void workspaces.refetch()}
        />
      ) : workspaces.data ? (
        <WorkspaceTable workspaces={workspaces.data.items} />
      ) : (
        <LoadingState what="Loading the workspaces" />
      )}
      <CreateDialog opened={creating} onClose={() => setCreating(false)} />
    </div>
  );
}

function WorkspaceTable({ workspaces }: { workspaces: readonly Workspace[] }) {
  const { workspace, choose } = useSession();
  return (
    <section className="panel table-scroll" aria-label="Workspaces" tabIndex={0}>
      <table className="table workspaces">
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Id</th>
            <th scope="col">Time zone</th>
            <th scope="col">Abandoned after</th>
            <th scope="col">
              <span className="visually-hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {workspaces.map(({ id, name, time_zone, abandonment_window_minutes }) => (
            <tr key={id}>
              <td>
                <Link to="/operate/workspaces/$id" params={{ id }}>
                  {name}
                </Link>
              </td>
              <td>
                <code>{id}</code>
              </td>
              <td>{time_zone}</td>
              <td>{counted(abandonment_window_minutes, 'minute', 'minutes')}</td>
              <td className="number">
                {id === workspace.id ? (
                  <span className="pill pill-good">shown now</span>
                ) : (
                  <Button size="compact-sm" variant="default" aria-label={`Show ${name}`} onClick={() => choose(id)}>
                    Show
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function CreateDialog({ opened, onClose }: { opened: boolean; onClose(): void }) {
  const { choose } = useSession();
  const [made, setMade] = useState<MadeWorkspace | null>(null);
  const close = (): void => {
    onClose();
    // The session reads the list of workspaces again.
    if (made !== null) choose(made.id);
    setMade(null);
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      size="lg"
      centered
      title={made === null ? 'New workspace' : `${made.name}: copy its keys now`}
      // Keys that are closed by accident are lost.
      closeOnClickOutside={false}
      closeOnEscape={made === null}
      withCloseButton={made === null}
    >
      {made === null ? (
        <NewWorkspaceForm onMade={setMade} />
      ) : (
        <SecretsView secrets={made.keys} onDone={close} done="I have copied them, show the workspace" />
      )}
    </Modal>
  );
}
