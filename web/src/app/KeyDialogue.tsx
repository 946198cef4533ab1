import { Button, Loader, PasswordInput, Select } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { Mark } from '../design/Mark.tsx';
import { SchemeToggle } from './SchemeToggle.tsx';
import type { Workspace } from '../data/api.ts';

interface KeyDialogueProps {
  busy: boolean;
  refusal: string | null;
  /** The admin key is valid, and a workspace has to be chosen. */
  choice: { key: string; workspaces: Workspace[] } | null;
  onOpen(key: string, workspace: string | null): void;
  onOtherKey(): void;
}

export function KeyDialogue({ busy, refusal, choice, onOpen, onOtherKey }: KeyDialogueProps) {
  return (
    <main className="door">
      <div className="door-corner">
        <SchemeToggle />
      </div>
      <section className="door-card" aria-labelledby="door-title" aria-busy={busy}>
        <Mark size={44} />
        <h1 id="door-title">Jane Traits</h1>
        {choice ? (
          <WorkspaceForm choice={choice} onOpen={onOpen} onOtherKey={onOtherKey} />
        ) : (
          <KeyForm busy={busy} refusal={refusal} onOpen={onOpen} />
        )}
      </section>
    </main>
  );
}

function KeyForm({ busy, refusal, onOpen }: Pick<KeyDialogueProps, 'busy' | 'refusal' | 'onOpen'>) {
  const [key, setKey] = useState('');
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (key.trim() !== '') onOpen(key, null);
  };
  return (
    <form onSubmit={submit} className="door-form">
      <p>See who abandoned a cart and the status of every order, live.</p>
      <PasswordInput
        label="Key"
        description="A read or write key of a workspace, or an admin key."
        value={key}
        onChange={(event) => setKey(event.currentTarget.value)}
        error={refusal}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        data-testid="key"
      />
      <Button type="submit" fullWidth disabled={busy || key.trim() === ''}>
        {busy ? <Loader size="xs" color="gray" aria-label="Opening" /> : 'Open'}
      </Button>
      <p className="fine">
        The first admin key of an installation is in <code>.data/admin-key</code>, in the directory that it runs in. The
        console keeps the key in this tab only.
      </p>
    </form>
  );
}

function WorkspaceForm({
  choice,
  onOpen,
  onOtherKey,
}: {
  choice: NonNullable<KeyDialogueProps['choice']>;
  onOpen: KeyDialogueProps['onOpen'];
  onOtherKey(): void;
}) {
  const [workspace, setWorkspace] = useState<string | null>(null);
  if (choice.workspaces.length === 0)
    return (
      <div className="door-form">
        <p>There is no workspace yet. Create one, or run the demo:</p>
        <pre className="code">{MAKE_WORKSPACE}</pre>
        <pre className="code">npm run demo</pre>
        <Button onClick={() => onOpen(choice.key, null)}>Check again</Button>
      </div>
    );
  return (
    <form
      className="door-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (workspace !== null) onOpen(choice.key, workspace);
      }}
    >
      <p>An admin key can open every workspace. Choose one.</p>
      <Select
        label="Workspace"
        placeholder="Choose one"
        searchable
        autoFocus
        data={choice.workspaces.map(({ id, name }) => ({ value: id, label: name === id ? id : `${name} (${id})` }))}
        value={workspace}
        onChange={setWorkspace}
      />
      <Button type="submit" fullWidth disabled={workspace === null}>
        Open
      </Button>
      <Button variant="subtle" color="gray" fullWidth onClick={onOtherKey}>
        Use another key
      </Button>
    </form>
  );
}

const MAKE_WORKSPACE = `curl -X POST ${window.location.origin}/v1/workspaces \\
  -H "Authorization: Bearer $(cat .data/admin-key)" \\
  -H "Content-Type: application/json" \\
  -d '{"id": "my-store", "name": "My store", "time_zone": "America/Los_Angeles"}'`;
