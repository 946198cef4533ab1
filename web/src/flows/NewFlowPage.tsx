import { Button, TextInput } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { useState, type FormEvent } from 'react';
import { useRefusal } from '../app/roles.ts';
import { bodyOf, type FlowTemplate } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { ErrorState, LoadingState, Notice } from '../design/states.tsx';
import { flowOf, useTemplates } from './data.ts';
import { Definition } from './Definition.tsx';
import './flows.css';

const FLOWS = { to: '/flows', title: 'Flows' };
const TEMPLATES = { to: '/flows/new', title: 'Templates' };

/** A new flow begins with a template: first the choice, then the template with its texts. */
export function NewFlowPage() {
  const { template: wanted } = useSearch({ from: '/flows/new' });
  const templates = useTemplates();
  const chosen = templates.data?.find(({ id }) => id === wanted);
  if (chosen) return <Chosen key={chosen.id} template={chosen} />;
  return (
    <>
      <PageHeader title="New flow" back={FLOWS}>
        Choose what to begin with. Nothing is sent before the flow is published.
      </PageHeader>
      {wanted !== undefined && templates.data && (
        <Notice title="There is no such template">Choose one of these instead.</Notice>
      )}
      {templates.error && !templates.data ? (
        <ErrorState what="Cannot load the templates" error={templates.error} onRetry={() => void templates.refetch()} />
      ) : !templates.data ? (
        <LoadingState lines={8} what="Loading the templates" />
      ) : (
        <ul className="flow-templates-list" data-testid="templates">
          {templates.data.map(({ id, name, description }) => (
            <li key={id}>
              <Link className="card-link" to="/flows/new" search={{ template: id }}>
                <strong>{name}</strong>
                <span>{description}</span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Chosen({ template }: { template: FlowTemplate }) {
  const navigate = useNavigate();
  const refusal = useRefusal('write');
  const [name, setName] = useState(template.name);
  const create = useApiMutation(
    (api) => bodyOf(api.POST('/v1/flows', { body: { ...template.flow, name: name.trim() } })),
    {
      outdates: [['flows']],
      onSuccess: ({ id }) => {
        notifications.show({ color: 'leaf', title: 'Draft saved', message: 'Publish it when its texts are right.' });
        void navigate({ to: '/flows/$id', params: { id }, search: {} });
      },
    },
  );
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (name.trim() !== '') create.mutate();
  };
  return (
    <>
      <PageHeader title={template.name} back={TEMPLATES}>
        {template.description}
      </PageHeader>
      <div className="stack">
        {refusal === null ? (
          <form className="panel flow-create" onSubmit={submit}>
            <TextInput
              size="sm"
              label="Name"
              value={name}
              maxLength={200}
              onChange={(event) => setName(event.currentTarget.value)}
              error={name.trim() === '' ? 'Give it a name.' : null}
              autoComplete="off"
            />
            <Button size="sm" type="submit" loading={create.isPending}>
              Create draft
            </Button>
            {create.error && <ErrorState what="Cannot save the draft" error={create.error} />}
          </form>
        ) : (
          <Notice title="To create this flow, another key is needed">{refusal}</Notice>
        )}
        <section className="panel" aria-labelledby="definition-title">
          <header className="panel-head">
            <div>
              <h2 id="definition-title">What it does</h2>
              <p className="fine">Texts, waits and conditions are changed with the API, once the draft is saved.</p>
            </div>
          </header>
          <Definition flow={flowOf(template)} />
        </section>
      </div>
    </>
  );
}
