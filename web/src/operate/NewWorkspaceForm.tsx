import { Button, TextInput } from '@mantine/core';
import { useState, type FormEvent } from 'react';
import { bodyOf } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { ErrorState } from '../design/states.tsx';
import type { Secret } from './SecretsView.tsx';
import {
  DEFAULTS,
  ID_PATTERN,
  idFrom,
  problemOf,
  SETTINGS,
  settingsOf,
  type Draft,
  type SettingKey,
} from './settings.ts';
import { SettingsFields } from './SettingsFields.tsx';
import { WORKSPACES } from './workspaces.ts';

export interface MadeWorkspace {
  id: string;
  name: string;
  keys: readonly Secret[];
}

const REQUIRED: readonly SettingKey[] = ['name', 'time_zone'];
const [FIRST, OTHERS] = [
  SETTINGS.filter(({ key }) => REQUIRED.includes(key)),
  SETTINGS.filter(({ key }) => !REQUIRED.includes(key)),
];

const idProblem = (id: string): string | null =>
  ID_PATTERN.test(id) ? null : 'Use 1 to 63 characters of a–z, 0–9 and -, not starting with -.';

export function NewWorkspaceForm({ onMade }: { onMade(made: MadeWorkspace): void }) {
  const [draft, setDraft] = useState<Draft>({ ...DEFAULTS, name: '', time_zone: zoneOfBrowser() });
  const [givenId, setGivenId] = useState<string | null>(null);
  const [submitted, setSubmitted] = useState(false);
  const id = givenId ?? idFrom(draft.name);
  const create = useApiMutation(
    (api, body: { id: string; draft: Draft }) =>
      bodyOf(api.POST('/v1/workspaces', { body: { id: body.id, ...settingsOf(body.draft) } })),
    {
      outdates: [WORKSPACES],
      onSuccess: ({ workspace, keys }) =>
        onMade({
          id: workspace.id,
          name: workspace.name,
          keys: (['write', 'read', 'ingest'] as const).map((role) => ({ role, key: keys[role] })),
        }),
    },
  );
  const valid = idProblem(id) === null && SETTINGS.every((setting) => problemOf(setting, draft[setting.key]) === null);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setSubmitted(true);
    if (valid) create.mutate({ id, draft });
  };
  const fields = {
    draft,
    onChange: (key: SettingKey, text: string) => setDraft({ ...draft, [key]: text }),
    checked: new Set<SettingKey>(submitted ? SETTINGS.map(({ key }) => key) : []),
  };
  return (
    <form className="form" onSubmit={submit} noValidate>
      <SettingsFields settings={FIRST} {...fields} />
      <TextInput
        label="Id"
        description="In addresses, in commands and in every record. It cannot be changed later."
        value={id}
        onChange={(event) => setGivenId(event.currentTarget.value)}
        error={submitted ? idProblem(id) : null}
        autoComplete="off"
        spellCheck={false}
        maw={560}
      />
      <details>
        <summary>More settings, with their usual values</summary>
        <div className="form details-body">
          <SettingsFields settings={OTHERS} {...fields} />
        </div>
      </details>
      {create.error && <ErrorState what="Cannot create the workspace" error={create.error} />}
      <Button type="submit" loading={create.isPending}>
        Create workspace
      </Button>
    </form>
  );
}

const zoneOfBrowser = (): string => Intl.DateTimeFormat().resolvedOptions().timeZone;
