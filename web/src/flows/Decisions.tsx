import { Link } from '@tanstack/react-router';
import type { FlowDecision, SavedFlow } from '../data/api.ts';
import { usePersonName } from '../data/person-name.ts';
import { FindPerson } from '../design/FindPerson.tsx';
import { refusalWords } from '../design/flow-words.ts';
import { ListFoot } from '../design/ListFoot.tsx';
import { Pill } from '../design/Pill.tsx';
import { EmptyState, ErrorState, LoadingState } from '../design/states.tsx';
import { statusLabel, TRAIT_LABELS } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { useDecisions } from './data.ts';
import { MessageTable } from './Messages.tsx';
import type { TabProps } from './tab.ts';

/** Why one person did or did not get the messages of a flow. */
export function Decisions({ saved, search, onShow }: TabProps) {
  const { person } = search;
  return (
    <div className="stack">
      <section className="panel" aria-labelledby="check-title">
        <header className="panel-head">
          <div>
            <h2 id="check-title">Spot check</h2>
            <p className="fine">Did one person get this flow, and why, or why not?</p>
          </div>
        </header>
        <FindPerson
          action="Check"
          personId={person ?? null}
          onPerson={(id) => onShow({ ...search, person: id ?? undefined })}
        />
      </section>
      {person !== undefined && <Verdict saved={saved} person={person} />}
    </div>
  );
}

function Verdict({ saved, person }: { saved: SavedFlow; person: string }) {
  const decisions = useDecisions(saved.id, person);
  const name = usePersonName(person);
  const items = decisions.data?.pages.flatMap((page) => page.items) ?? [];
  const link = (
    <Link to="/people/$id" params={{ id: person }}>
      {name}
    </Link>
  );
  if (decisions.error && !decisions.data)
    return (
      <ErrorState
        what="Cannot load what was decided"
        error={decisions.error}
        onRetry={() => void decisions.refetch()}
      />
    );
  if (!decisions.data) return <LoadingState lines={4} what="Loading what was decided" />;
  if (items.length === 0)
    return (
      <EmptyState title="Nothing that happened to this person concerns this flow" action={link}>
        No trait event of this person has satisfied a trigger of the flow since it was first published.
      </EmptyState>
    );
  const started = items.filter(({ outcome }) => outcome === 'started').length;
  return (
    <>
      <section className="panel" aria-labelledby="decisions-title">
        <header className="panel-head">
          <div>
            <h2 id="decisions-title">{link}</h2>
            <p className="fine">
              Each trait event that satisfied a trigger, newest first: {started} of {items.length} shown started a run.
            </p>
          </div>
        </header>
        <ul className="flow-decisions" data-testid="decisions">
          {items.map((decision) => (
            <Decision key={`${decision.event.event_id} ${decision.at}`} decision={decision} flowId={saved.id} />
          ))}
        </ul>
        <ListFoot
          shown={items.length}
          hasMore={decisions.hasNextPage}
          loading={decisions.isFetchingNextPage}
          onMore={() => void decisions.fetchNextPage()}
        />
      </section>
      {started > 0 && <MessageTable flowId={saved.id} person={person} />}
    </>
  );
}

function eventTitle({ trait, status, event_id }: FlowDecision['event']): string {
  if (trait === 'cart_abandoned') return TRAIT_LABELS.cart_abandoned;
  if (status !== null && status !== '') return statusLabel(status);
  return event_id.includes('@') ? 'A time that was awaited' : 'An event that is no longer stored';
}

function Decision({ decision, flowId }: { decision: FlowDecision; flowId: string }) {
  const { event, at, outcome, reason, run_id } = decision;
  return (
    <li>
      <span>
        <strong>{eventTitle(event)}</strong> {event.occurred_at !== null && <ZonedTime at={event.occurred_at} />}
        <span className="fine"> cart {event.cart_id}</span>
      </span>
      {outcome === 'started' ? (
        <span>
          <Pill label="started a run" tone="done" />{' '}
          {run_id !== undefined && (
            <Link to="/flows/$id/runs/$run" params={{ id: flowId, run: run_id }}>
              Show its steps
            </Link>
          )}
        </span>
      ) : (
        <span>
          <Pill label="no run" /> {reason !== undefined && refusalWords(reason)}
        </span>
      )}
      <span className="fine">
        decided <ZonedTime at={at} />
      </span>
    </li>
  );
}
