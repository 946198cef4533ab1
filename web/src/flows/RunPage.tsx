import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { Link, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { useRefusal } from '../app/roles.ts';
import { ApiError, bodyOf, type FlowRunWithSteps, type FlowStep } from '../data/api.ts';
import { useApiMutation } from '../data/queries.ts';
import { Fact } from '../design/Fact.tsx';
import { ConfirmDialog } from '../design/ConfirmDialog.tsx';
import { exitWords, nodeLabel, runPill } from '../design/flow-words.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { Pill } from '../design/Pill.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { Content } from './Content.tsx';
import { flowOf, useFlow, useRun } from './data.ts';
import { PersonLink } from './Runs.tsx';
import { stepWords } from './step-words.ts';
import './flows.css';

/** One run with its steps. */
export function RunPage() {
  const { id, run: runId } = useParams({ from: '/flows/$id/runs/$run' });
  const flow = useFlow(id);
  const run = useRun(runId);
  const back = { to: `/flows/${id}`, title: flow.data ? flowOf(flow.data).name : 'Flow' };
  if (run.data) return <Loaded run={run.data} back={back} />;
  const isMissing = run.error instanceof ApiError && run.error.status === 404;
  return (
    <>
      <PageHeader title="Run" back={back} />
      {run.isPending && <LoadingState lines={8} what="Loading the run" />}
      {isMissing && (
        <EmptyState
          title="No such run"
          action={
            <Link to="/flows/$id" params={{ id }} search={{ tab: 'runs' }}>
              Show the runs of the flow
            </Link>
          }
        >
          There is no run with this id, or its first steps have not been written yet.
        </EmptyState>
      )}
      {run.error && !isMissing && (
        <ErrorState what="Cannot load this run" error={run.error} onRetry={() => void run.refetch()} />
      )}
    </>
  );
}

function Loaded({ run, back }: { run: FlowRunWithSteps; back: { to: string; title: string } }) {
  const { label, tone } = runPill(run);
  return (
    <>
      <PageHeader
        title={run.person_id === null ? 'A run of an erased person' : `A run of person ${run.person_id}`}
        back={back}
        beside={<Pill label={label} tone={tone} />}
        {...(run.state === 'live' ? { actions: <CancelAction run={run} /> } : {})}
      >
        {run.state === 'exited' && run.reason !== null ? exitWords(run.reason) : `A run of “${back.title}”.`}
      </PageHeader>
      <div className="stack">
        <dl className="panel facts flow-run-facts">
          <Fact name="Person">
            <PersonLink id={run.person_id} />
          </Fact>
          <Fact name="Cart">
            {run.cart_id === null || run.person_id === null ? (
              (run.cart_id ?? '–')
            ) : (
              <Link to="/people/$id" params={{ id: run.person_id }} search={{ cart: run.cart_id }}>
                {run.cart_id}
              </Link>
            )}
          </Fact>
          <Fact name="Started">
            <ZonedTime at={run.started_at} />
          </Fact>
          <Fact name="Ended">{run.ended_at === null ? 'not yet' : <ZonedTime at={run.ended_at} />}</Fact>
          <Fact name="Version">{run.version}</Fact>
          {run.person_id !== null && (
            <Fact name="Why">
              <Link to="/flows/$id" params={{ id: run.flow_id }} search={{ tab: 'check', person: run.person_id }}>
                What started it
              </Link>
            </Fact>
          )}
        </dl>
        <section className="panel" aria-labelledby="steps-title">
          <header className="panel-head">
            <h2 id="steps-title">Steps</h2>
          </header>
          <ol className="flow-steps" data-testid="steps">
            {run.steps.map((step, index) => (
              <Step key={index} step={step} />
            ))}
          </ol>
        </section>
      </div>
    </>
  );
}

function Step({ step }: { step: FlowStep }) {
  const { at, node, what, due_at, address, content } = step;
  const { title, detail, tone } = stepWords(step);
  return (
    <li data-tone={tone} data-what={what}>
      <span className="flow-step-time">
        <ZonedTime at={at} />
      </span>
      <div className="flow-step-main">
        <strong>{title}</strong>
        {node !== null && <span className="fine"> {nodeLabel(node)}</span>}
        {detail !== null && <p>{detail}</p>}
        {due_at !== null && what === 'held' && (
          <p className="fine">
            until <ZonedTime at={due_at} />
          </p>
        )}
        {address !== null && <p className="fine">to {address}</p>}
        <Content content={content} />
      </div>
    </li>
  );
}

function CancelAction({ run }: { run: FlowRunWithSteps }) {
  const [opened, setOpened] = useState(false);
  const refusal = useRefusal('write');
  const cancel = useApiMutation(
    (api) => bodyOf(api.POST('/v1/runs/{id}/cancel', { params: { path: { id: run.id } } })),
    {
      outdates: [
        ['flow-run', run.id],
        ['flow-runs', run.flow_id],
      ],
      onSuccess: () => {
        notifications.show({ color: 'leaf', title: 'Ending the run', message: 'It ends within seconds.' });
        setOpened(false);
      },
    },
  );
  if (refusal !== null) return null;
  return (
    <>
      <Button variant="default" onClick={() => setOpened(true)}>
        End this run…
      </Button>
      <ConfirmDialog
        opened={opened}
        title="End this run?"
        action="End the run"
        busy={cancel.isPending}
        error={cancel.error}
        onConfirm={() => cancel.mutate()}
        onClose={() => setOpened(false)}
      >
        <p>
          The person gets no further message of this run. A message that is being handed to its provider is still sent.
          This cannot be undone.
        </p>
      </ConfirmDialog>
    </>
  );
}
