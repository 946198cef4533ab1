import { Button, Modal } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { useState } from 'react';
import { useSession } from '../app/session.ts';
import { bodyOf, PAGE_MAX, type Key } from '../data/api.ts';
import { useApiMutation, useApiQuery } from '../data/queries.ts';
import { ConfirmDialog } from '../design/ConfirmDialog.tsx';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { NewKeyForm } from './NewKeyForm.tsx';
import { ADMIN_WORDS, KEY_ROLES } from './role-words.ts';
import { SecretsView, type Secret } from './SecretsView.tsx';
import './operate.css';

const KEYS = ['keys'] as const;

export function KeysPage() {
  const { role } = useSession();
  const [creating, setCreating] = useState(false);
  return (
    <div className="page">
      <PageHeader
        title="Keys"
        actions={
          <RoleButton needs="admin" leftSection={<IconPlus size={16} />} onClick={() => setCreating(true)}>
            New key
          </RoleButton>
        }
      >
        What programs and people use to reach this workspace. Give each of them a key of their own, with the smallest
        role that suffices.
      </PageHeader>
      {role === 'admin' ? (
        <KeyList />
      ) : (
        <EmptyState title="Keys are managed with an admin key">
          The key that you use cannot list, create or revoke keys. Ask the people who run this installation.
        </EmptyState>
      )}
      <Roles />
      <CreateDialog opened={creating} onClose={() => setCreating(false)} />
    </div>
  );
}

function KeyList() {
  const keys = useApiQuery(
    KEYS,
    (api, signal) => bodyOf(api.GET('/v1/keys', { params: { query: { limit: PAGE_MAX } }, signal })),
    { refetchInterval: 10_000 },
  );
  const [revoking, setRevoking] = useState<Key | null>(null);
  if (keys.error && !keys.data)
    return <ErrorState what="Cannot load the keys" error={keys.error} onRetry={() => void keys.refetch()} />;
  if (!keys.data) return <LoadingState what="Loading the keys" />;
  if (keys.data.items.length === 0)
    return (
      <EmptyState title="This workspace has no keys">
        Only the admin key reaches it at the moment. Create a key for each program that sends or reads.
      </EmptyState>
    );
  const items = [...keys.data.items].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  return (
    <section className="panel table-scroll" aria-label="Keys of this workspace" tabIndex={0}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">Role</th>
            <th scope="col">Id</th>
            <th scope="col">Created</th>
            <th scope="col">
              <span className="visually-hidden">Action</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {items.map((key) => (
            <tr key={key.id}>
              <td>{KEY_ROLES[key.role].title}</td>
              <td>
                <code>{key.id}</code>
              </td>
              <td>
                <ZonedTime at={key.created_at} as="ago" />
              </td>
              <td className="number">
                <Button
                  size="compact-sm"
                  variant="subtle"
                  color="red"
                  c="var(--red)"
                  aria-label={`Revoke ${key.id}`}
                  onClick={() => setRevoking(key)}
                >
                  Revoke
                </Button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      <RevokeDialog revoking={revoking} onClose={() => setRevoking(null)} />
    </section>
  );
}

function RevokeDialog({ revoking, onClose }: { revoking: Key | null; onClose(): void }) {
  const revoke = useApiMutation(
    (api, id: string) => bodyOf(api.DELETE('/v1/keys/{id}', { params: { path: { id } } })),
    { outdates: [KEYS], onSuccess: onClose },
  );
  return (
    <ConfirmDialog
      opened={revoking !== null}
      title={revoking ? `Revoke this ${revoking.role} key?` : 'Revoke this key?'}
      action="Revoke"
      busy={revoke.isPending}
      error={revoke.error}
      onConfirm={() => revoking && revoke.mutate(revoking.id)}
      onClose={() => {
        revoke.reset();
        onClose();
      }}
    >
      <p>
        Requests with <code>{revoking?.id}</code> are answered 401 within a second. This cannot be undone.
      </p>
      <p>To replace a key without interruption, create the new one first.</p>
    </ConfirmDialog>
  );
}

function CreateDialog({ opened, onClose }: { opened: boolean; onClose(): void }) {
  const [secret, setSecret] = useState<Secret | null>(null);
  const close = (): void => {
    setSecret(null);
    onClose();
  };
  return (
    <Modal
      opened={opened}
      onClose={close}
      size="lg"
      centered
      title={secret === null ? 'New key' : 'Copy this key now'}
      // A key that is closed by accident is lost.
      closeOnClickOutside={secret === null}
      closeOnEscape={secret === null}
      withCloseButton={secret === null}
    >
      {secret === null ? (
        <NewKeyForm onMade={setSecret} outdates={[KEYS]} />
      ) : (
        <SecretsView secrets={[secret]} onDone={close} />
      )}
    </Modal>
  );
}

function Roles() {
  return (
    <section className="panel" aria-labelledby="roles-title">
      <h2 id="roles-title">Roles</h2>
      <dl className="roles">
        {[...Object.values(KEY_ROLES), ADMIN_WORDS].map((words) => (
          <div key={words.title}>
            <dt>{words.title}</dt>
            <dd>
              <p>{words.for}</p>
              <p className="fine">{words.may}</p>
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
