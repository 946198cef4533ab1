import { Link } from '@tanstack/react-router';
import type { FlowMessage } from '../data/api.ts';
import { CHANNEL_LABELS, messagePill, nodeLabel, skipWords } from '../design/flow-words.ts';
import { ListFoot } from '../design/ListFoot.tsx';
import { Pill } from '../design/Pill.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { Content } from './Content.tsx';
import { useMessages } from './data.ts';
import { PersonFilter } from './PersonFilter.tsx';
import { PersonLink } from './Runs.tsx';
import type { TabProps } from './tab.ts';
import { TestNotice } from './TestNotice.tsx';

/** The messages of a flow with what became of them, newest first. */
export function Messages({ saved, search, onShow }: TabProps) {
  const { person } = search;
  return (
    <div className="stack">
      <TestNotice />
      <div className="flow-filters">
        <PersonFilter person={person} onPerson={(id) => onShow({ ...search, person: id })} />
      </div>
      <MessageTable flowId={saved.id} person={person} />
    </div>
  );
}

/** The messages of a flow: to everybody, or to one person. */
export function MessageTable({ flowId, person }: { flowId: string; person: string | undefined }) {
  const messages = useMessages(flowId, person);
  const items = messages.data?.pages.flatMap((page) => page.items) ?? [];
  if (messages.error && !messages.data)
    return (
      <ErrorState what="Cannot load the messages" error={messages.error} onRetry={() => void messages.refetch()} />
    );
  if (!messages.data) return <LoadingState lines={8} what="Loading the messages" />;
  if (items.length === 0)
    return (
      <EmptyState title="No messages">
        A message is listed here once it was requested or skipped. One that is held back is a step of its run until
        then.
      </EmptyState>
    );
  return (
    <section className="panel" aria-label="Messages">
      <div className="table-scroll" tabIndex={0} role="region" aria-label="Table of messages">
        <table className="table" data-testid="messages">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Outcome</th>
              <th scope="col">Message</th>
              <th scope="col">To</th>
              <th scope="col">Run</th>
            </tr>
          </thead>
          <tbody>
            {items.map((message) => (
              <MessageRow key={message.request_id} message={message} />
            ))}
          </tbody>
        </table>
      </div>
      <ListFoot
        shown={items.length}
        hasMore={messages.hasNextPage}
        loading={messages.isFetchingNextPage}
        onMore={() => void messages.fetchNextPage()}
      />
    </section>
  );
}

function MessageRow({ message }: { message: FlowMessage }) {
  const { channel, outcome, reason, node, sent_at, requested_at, address, content, person_id } = message;
  const { label, tone } = messagePill(message);
  const at = sent_at ?? requested_at;
  return (
    <tr>
      <td className="tabular">{at === null ? '–' : <ZonedTime at={at} />}</td>
      <td>
        <Pill label={label} tone={tone} {...(reason === null ? {} : { title: skipWords(reason) })} />
      </td>
      <td className="flow-message">
        <span>
          {nodeLabel(node)} · {channel === null ? 'message' : (CHANNEL_LABELS[channel] ?? channel)}
        </span>
        {outcome === 'skipped' && reason !== null && <span className="fine">{skipWords(reason)}</span>}
        <Content content={content} />
      </td>
      <td>
        <PersonLink id={person_id} />
        {address !== null && <div className="fine">{address}</div>}
      </td>
      <td>
        <Link to="/flows/$id/runs/$run" params={{ id: message.flow_id, run: message.run_id }}>
          Steps
        </Link>
      </td>
    </tr>
  );
}
