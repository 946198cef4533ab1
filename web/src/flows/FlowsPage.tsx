import { Button } from '@mantine/core';
import { IconPlus } from '@tabler/icons-react';
import { Link, useNavigate } from '@tanstack/react-router';
import { useRefusal } from '../app/roles.ts';
import type { SavedFlow } from '../data/api.ts';
import { FLOW_STATES } from '../design/flow-words.ts';
import { Figure } from '../design/Figure.tsx';
import { PageHeader } from '../design/PageHeader.tsx';
import { Pill } from '../design/Pill.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { useSeen } from '../design/useSeen.ts';
import { flowOf, sentOf, useFlows, useRowReport } from './data.ts';
import { summaryOf } from './describe.ts';
import { TestNotice } from './TestNotice.tsx';
import './flows.css';

/** Flows that act come first, then those that wait for somebody. */
const ORDER: Readonly<Record<SavedFlow['state'], number>> = {
  live: 0,
  publishing: 1,
  paused: 2,
  draft: 3,
  archived: 4,
};

/** All flows with what they have done. */
export function FlowsPage() {
  const navigate = useNavigate();
  const list = useFlows();
  const refusal = useRefusal('write');
  const create = refusal === null && (
    <Button
      leftSection={<IconPlus size={16} aria-hidden />}
      onClick={() => void navigate({ to: '/flows/new', search: {} })}
    >
      New flow
    </Button>
  );
  const empty = list.data?.length === 0;
  return (
    <>
      <PageHeader title="Flows" {...(create && !empty ? { actions: create } : {})}>
        What happens to a cart or an order starts a run for its person: waits, decisions and messages.
      </PageHeader>
      {list.error && !list.data ? (
        <ErrorState what="Cannot load the flows" error={list.error} onRetry={() => void list.refetch()} />
      ) : !list.data ? (
        <LoadingState lines={8} what="Loading the flows" />
      ) : empty ? (
        <EmptyState title="No flows yet" action={create || <p className="fine">{refusal}</p>}>
          A flow reminds people of the cart that they left, or tells them that their order is ready. Begin with a
          template, read its texts, and publish it.
        </EmptyState>
      ) : (
        <div className="stack">
          <TestNotice />
          <FlowList flows={list.data} />
        </div>
      )}
    </>
  );
}

function FlowList({ flows }: { flows: readonly SavedFlow[] }) {
  const shown = [...flows].sort(
    (a, b) => ORDER[a.state] - ORDER[b.state] || flowOf(a).name.localeCompare(flowOf(b).name) || (a.id < b.id ? -1 : 1),
  );
  return (
    <section className="panel flow-list" aria-label="Flows" data-testid="flows">
      <div className="flow-row flow-head" aria-hidden="true">
        <span>Flow</span>
        <span>State</span>
        <span>Version</span>
        <span>Live runs</span>
        <span>Sent</span>
      </div>
      <ul>
        {shown.map((flow) => (
          <Row key={flow.id} saved={flow} />
        ))}
      </ul>
    </section>
  );
}

function Row({ saved }: { saved: SavedFlow }) {
  const [ref, seen] = useSeen<HTMLLIElement>();
  const isPublished = saved.live_version !== null;
  // A row that was not seen yet is not asked about, and so does not show that its numbers are awaited.
  const isCounted = seen && isPublished;
  const report = useRowReport(saved.id, isCounted).data;
  const flow = flowOf(saved);
  const { label, tone, means } = FLOW_STATES[saved.state];
  return (
    <li ref={ref} className="flow-row">
      <Link className="flow-link" to="/flows/$id" params={{ id: saved.id }} search={{}}>
        <span className="flow-name">{flow.name}</span>
        <span className="flow-summary">{summaryOf(flow)}</span>
      </Link>
      <span className="flow-state">
        <Pill label={label} tone={tone} title={means} />
      </span>
      <span className="flow-version">
        <span className="flow-cell-name">Version </span>
        {saved.live_version ?? saved.version}
        {isPublished && saved.live_version !== saved.version && <small> ({saved.version} saved)</small>}
      </span>
      <Count name="live runs" value={isCounted ? (report?.live ?? null) : undefined} />
      <Count name="messages sent" value={isCounted ? (report ? sentOf(report) : null) : undefined} />
    </li>
  );
}

/** A number with its name for narrow screens and screen readers; null while unknown, undefined where there can be none. */
function Count({ name, value }: { name: string; value: number | null | undefined }) {
  return (
    <span className="flow-count" data-none={value === undefined || undefined}>
      {value === undefined ? <span aria-hidden="true">–</span> : <Figure value={value} />}
      <span className="flow-cell-name"> {name}</span>
    </span>
  );
}
