import { Button, Radio } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { bodyOf } from '../data/api.ts';
import { useApiMutation, type QueryKey } from '../data/queries.ts';
import { ErrorState } from '../design/states.tsx';
import { KEY_ROLES, type KeyRole } from './role-words.ts';
import type { Secret } from './SecretsView.tsx';

interface NewKeyFormProps {
  onMade(secret: Secret): void;
  /** What is asked again afterwards. */
  outdates: readonly QueryKey[];
}

export function NewKeyForm({ onMade, outdates }: NewKeyFormProps) {
  const [role, setRole] = useState<KeyRole>('read');
  const create = useApiMutation((api, wanted: KeyRole) => bodyOf(api.POST('/v1/keys', { body: { role: wanted } })), {
    outdates,
    onSuccess: (made) => onMade({ role: made.role, key: made.key }),
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    create.mutate(role);
  };
  return (
    <form className="form" onSubmit={submit}>
      <Radio.Group label="Role" value={role} onChange={(value) => setRole(value as KeyRole)}>
        <div className="choices">
          {Object.entries(KEY_ROLES).map(([value, words]) => (
            <Radio key={value} value={value} label={words.title} description={`${words.for} ${words.may}`} />
          ))}
        </div>
      </Radio.Group>
      {create.error && <ErrorState what="Cannot create the key" error={create.error} />}
      <Button type="submit" loading={create.isPending}>
        Create key
      </Button>
    </form>
  );
}
