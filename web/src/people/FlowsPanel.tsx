import { Link } from '@tanstack/react-router';
import type { FlowMessage, FlowRun } from '../data/api.ts';
import { CHANNEL_LABELS, excerptOf, messagePill, runPill } from '../design/flow-words.ts';
import { Pill } from '../design/Pill.tsx';
import { ErrorState, LoadingState } from '../design/states.tsx';
import { useSeen } from '../design/useSeen.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { RUNS_SHOWN, useFlowsOf, useMessagesOf, useRunsOf, type PublishedFlow } from './flows.ts';

/** The flows that concern the person, and the messages that they got or did not get. */
export function FlowsPanel({ person }: { person: string }) {
  const [ref, seen] = useSeen<HTMLElement>();
  const flows = useFlowsOf(seen);
  const messages = useMessagesOf(person, seen);
  const items = flows.data ?? [];
  const names = new Map(items.map(({ id, name }) => [id, name]));
  return (
    <section ref={ref} className="panel side-panel" aria-labelledby="person-flows">
      <h2 id="person-flows">Flows and messages</h2>
      {flows.error && !flows.data ? (
        <ErrorState what="Cannot load the flows" error={flows.error} onRetry={() => void flows.refetch()} />
      ) : !flows.data ? (
        seen && <LoadingState lines={3} what="Loading the flows" />
      ) : items.length === 0 ? (
        <p className="fine">No flow has been published.</p>
      ) : (
        <FlowRuns person={person} flows={items} />
      )}
      {messages.error && !messages.data && (
        <ErrorState what="Cannot load the messages" error={messages.error} onRetry={() => void messages.refetch()} />
      )}
      {messages.data && messages.data.length > 0 && <Messages messages={messages.data} names={names} />}
      {messages.data?.length === 0 && items.length > 0 && <p className="fine">No messages.</p>}
    </section>
  );
}

function FlowRuns({ person, flows }: { person: string; flows: readonly PublishedFlow[] }) {
  const answers = useRunsOf(person, flows);
  if (answers.some(({ isPending }) => isPending)) return <LoadingState lines={3} what="Loading the runs" />;
  const withRuns = flows.flatMap((flow, i) => {
    const runs = answers[i]!.data ?? [];
    return runs.length > 0 ? [{ flow, runs }] : [];
  });
  const without = flows.filter((_, i) => answers[i]!.data?.length === 0);
  return (
    <>
      {withRuns.length > 0 && (
        <ul className="person-flows" data-testid="person-flows">
          {withRuns.map(({ flow, runs }) => (
            <li key={flow.id}>
              <FlowLink flow={flow} person={person} />
              <ul>
                {runs.slice(0, RUNS_SHOWN).map((run) => (
                  <Run key={run.id} run={run} />
                ))}
              </ul>
              {runs.length > RUNS_SHOWN && (
                <Link className="fine" to="/flows/$id" params={{ id: flow.id }} search={{ tab: 'runs', person }}>
                  All runs
                </Link>
              )}
            </li>
          ))}
        </ul>
      )}
      {without.length > 0 && (
        <details>
          <summary className="fine">
            Without a run: {without.length} of {flows.length} flows
          </summary>
          <ul className="memberships">
            {without.map((flow) => (
              <li key={flow.id}>
                <FlowLink flow={flow} person={person} />
              </li>
            ))}
          </ul>
        </details>
      )}
    </>
  );
}

/** Opens the spot check of a flow: why this person got it or not. */
function FlowLink({ flow, person }: { flow: PublishedFlow; person: string }) {
  return (
    <Link to="/flows/$id" params={{ id: flow.id }} search={{ tab: 'check', person }}>
      {flow.name}
    </Link>
  );
}

function Run({ run }: { run: FlowRun }) {
  const { label, tone } = runPill(run);
  return (
    <li>
      <Link to="/flows/$id/runs/$run" params={{ id: run.flow_id, run: run.id }}>
        <ZonedTime at={run.started_at} as="ago" />
      </Link>
      <Pill label={label} tone={tone} />
    </li>
  );
}

interface MessagesProps {
  messages: readonly FlowMessage[];
  names: ReadonlyMap<string, string>;
}

function Messages({ messages, names }: MessagesProps) {
  return (
    <ul className="person-messages" data-testid="person-messages" aria-label="Messages">
      {messages.map((message) => {
        const { label, tone } = messagePill(message);
        const { channel, flow_id, run_id, sent_at, requested_at, content } = message;
        const at = sent_at ?? requested_at;
        const name = channel === null ? 'Message' : (CHANNEL_LABELS[channel] ?? channel);
        return (
          <li key={message.request_id}>
            <span>
              <Link to="/flows/$id/runs/$run" params={{ id: flow_id, run: run_id }}>
                {name}
                {names.has(flow_id) ? ` of “${names.get(flow_id)!}”` : ''}
              </Link>{' '}
              {at !== null && (
                <span className="fine">
                  <ZonedTime at={at} as="ago" />
                </span>
              )}
            </span>
            <Pill label={label} tone={tone} />
            <span className="fine person-message-text">{excerptOf(content)}</span>
          </li>
        );
      })}
    </ul>
  );
}
