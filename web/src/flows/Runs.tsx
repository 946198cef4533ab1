import { SegmentedControl } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import type { FlowRun } from '../data/api.ts';
import { exitWords, nodeLabel, runPill } from '../design/flow-words.ts';
import { ListFoot } from '../design/ListFoot.tsx';
import { Pill } from '../design/Pill.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { useRuns } from './data.ts';
import { PersonFilter } from './PersonFilter.tsx';
import type { RunState } from './search.ts';
import type { TabProps } from './tab.ts';

const STATES: readonly { value: RunState | 'all'; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'live', label: 'Live' },
  { value: 'completed', label: 'Completed' },
  { value: 'exited', label: 'Ended early' },
];

/** The runs of a flow, newest first. */
export function Runs({ saved, search, onShow }: TabProps) {
  const { state, person } = search;
  const runs = useRuns(saved.id, { state, person });
  const items = runs.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <div className="stack">
      <div className="flow-filters">
        <SegmentedControl
          size="xs"
          aria-label="State of runs"
          data={STATES.map(({ value, label }) => ({ value, label }))}
          value={state ?? 'all'}
          onChange={(value) => onShow({ ...search, state: value === 'all' ? undefined : (value as RunState) })}
        />
        <PersonFilter person={person} onPerson={(id) => onShow({ ...search, person: id })} />
      </div>
      {runs.error && !runs.data ? (
        <ErrorState what="Cannot load the runs" error={runs.error} onRetry={() => void runs.refetch()} />
      ) : !runs.data ? (
        <LoadingState lines={8} what="Loading the runs" />
      ) : items.length === 0 ? (
        <EmptyState title="No runs">
          {state === undefined && person === undefined
            ? 'A run starts when a trait event satisfies a trigger of the flow while it is live.'
            : 'No run of this flow is in this selection.'}
        </EmptyState>
      ) : (
        <section className="panel" aria-label="Runs">
          <div className="table-scroll" tabIndex={0} role="region" aria-label="Table of runs">
            <table className="table" data-testid="runs">
              <thead>
                <tr>
                  <th scope="col">Started</th>
                  <th scope="col">Person</th>
                  <th scope="col">State</th>
                  <th scope="col">Last node</th>
                  <th scope="col">Cart</th>
                  <th scope="col" className="number">
                    Version
                  </th>
                </tr>
              </thead>
              <tbody>
                {items.map((run) => (
                  <RunRow key={run.id} run={run} />
                ))}
              </tbody>
            </table>
          </div>
          <ListFoot
            shown={items.length}
            hasMore={runs.hasNextPage}
            loading={runs.isFetchingNextPage}
            onMore={() => void runs.fetchNextPage()}
          />
        </section>
      )}
    </div>
  );
}

function RunRow({ run }: { run: FlowRun }) {
  const { label, tone } = runPill(run);
  const reason = run.state === 'exited' && run.reason !== null ? { title: exitWords(run.reason) } : {};
  return (
    <tr>
      <td className="tabular">
        <Link to="/flows/$id/runs/$run" params={{ id: run.flow_id, run: run.id }}>
          <ZonedTime at={run.started_at} />
        </Link>
      </td>
      <td>
        <PersonLink id={run.person_id} />
      </td>
      <td>
        <Pill label={label} tone={tone} {...reason} />
      </td>
      <td>{run.node === null ? '–' : nodeLabel(run.node)}</td>
      <td>{run.cart_id ?? '–'}</td>
      <td className="number">{run.version}</td>
    </tr>
  );
}

/** Erased people have no id. */
export function PersonLink({ id }: { id: string | null }) {
  if (id === null) return <span className="fine">erased</span>;
  return (
    <Link to="/people/$id" params={{ id }}>
      Person {id}
    </Link>
  );
}
