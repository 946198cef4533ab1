import { Tabs } from '@mantine/core';
import { Link, useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { present } from '../app/address.ts';
import { ApiError, type SavedFlow } from '../data/api.ts';
import { FLOW_STATES } from '../design/flow-words.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { Pill } from '../design/Pill.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { Backtest } from './Backtest.tsx';
import { flowOf, useFlow } from './data.ts';
import { Decisions } from './Decisions.tsx';
import { summaryOf } from './describe.ts';
import { FlowActions } from './FlowActions.tsx';
import { Messages } from './Messages.tsx';
import { Overview } from './Overview.tsx';
import { Runs } from './Runs.tsx';
import type { FlowTab } from './search.ts';
import type { TabProps } from './tab.ts';
import './flows.css';

const BACK = { to: '/flows', title: 'Flows' };

/** One flow. */
export function FlowPage() {
  const { id } = useParams({ from: '/flows/$id' });
  const flow = useFlow(id);
  if (flow.data) return <Loaded saved={flow.data} />;
  const isMissing = flow.error instanceof ApiError && flow.error.status === 404;
  return (
    <>
      <PageHeader title="Flow" back={BACK} />
      {flow.isPending && <LoadingState lines={8} what="Loading the flow" />}
      {isMissing && (
        <EmptyState title="No such flow" action={<Link to="/flows">Show all flows</Link>}>
          There is no flow with this id in this workspace.
        </EmptyState>
      )}
      {flow.error && !isMissing && (
        <ErrorState what="Cannot load this flow" error={flow.error} onRetry={() => void flow.refetch()} />
      )}
    </>
  );
}

const TABS: readonly { value: FlowTab; label: string }[] = [
  { value: 'overview', label: 'Overview' },
  { value: 'runs', label: 'Runs' },
  { value: 'check', label: 'Spot check' },
  { value: 'messages', label: 'Messages' },
  { value: 'backtest', label: 'Back-test' },
];

function Loaded({ saved }: { saved: SavedFlow }) {
  const search = useSearch({ from: '/flows/$id' });
  const { tab = 'overview' } = search;
  const navigate = useNavigate();
  const show: TabProps['onShow'] = (next) =>
    void navigate({
      to: '/flows/$id',
      params: { id: saved.id },
      search: present(next),
      replace: true,
      resetScroll: false,
    });
  const flow = flowOf(saved);
  const { label, tone, means } = FLOW_STATES[saved.state];
  const version = saved.live_version ?? saved.version;
  return (
    <>
      <PageHeader
        title={flow.name}
        back={BACK}
        beside={
          <span className="flow-badges">
            <Pill label={label} tone={tone} title={means} />
            <Pill label={`Version ${version}`} />
          </span>
        }
        actions={<FlowActions saved={saved} />}
      >
        {summaryOf(flow)}
      </PageHeader>
      <Tabs value={tab} onChange={(value) => show({ tab: value as FlowTab })} keepMounted={false}>
        <Tabs.List mb="md">
          {TABS.map(({ value, label: name }) => (
            <Tabs.Tab key={value} value={value}>
              {name}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        <Tabs.Panel value="overview">
          <Overview saved={saved} search={search} onShow={show} />
        </Tabs.Panel>
        <Tabs.Panel value="runs">
          <Runs saved={saved} search={search} onShow={show} />
        </Tabs.Panel>
        <Tabs.Panel value="check">
          <Decisions saved={saved} search={search} onShow={show} />
        </Tabs.Panel>
        <Tabs.Panel value="messages">
          <Messages saved={saved} search={search} onShow={show} />
        </Tabs.Panel>
        <Tabs.Panel value="backtest">
          <Backtest saved={saved} search={search} onShow={show} />
        </Tabs.Panel>
      </Tabs>
    </>
  );
}
