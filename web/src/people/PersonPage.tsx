import { Button } from '@mantine/core';
import { getRouteApi, Link } from '@tanstack/react-router';
import { useState } from 'react';
import { ApiError } from '../data/api.ts';
import { PageHeader } from '../design/PageHeader.tsx';
import { RoleButton } from '../design/RoleButton.tsx';
import { StatTile } from '../design/StatTile.tsx';
import { EmptyState, ErrorState, LoadingState, Notice } from '../design/states.tsx';
import { ago, useNow } from '../design/time.ts';
import { counted } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { AudiencesPanel } from './AudiencesPanel.tsx';
import { usePerson } from './data.ts';
import { EraseDialog } from './EraseDialog.tsx';
import { FlowsPanel } from './FlowsPanel.tsx';
import { IdentifiersPanel, MergesPanel } from './IdentifiersPanel.tsx';
import { OrderCard } from './OrderCard.tsx';
import { titleOf } from './person.ts';
import { ordersOf, totalsOf, type Order, type PersonDetails } from './timeline.ts';
import './people.css';

const route = getRouteApi('/people/$id');
const BACK = { to: '/people', title: 'People' };

/** Everything that is known of one person. */
export function PersonPage() {
  const { id } = route.useParams();
  const person = usePerson(id);
  // Who was erased meanwhile is not shown any longer, although the last answer is still known.
  const isMissing = person.error instanceof ApiError && person.error.status === 404;
  if (person.data && !isMissing) return <PersonView asked={id} person={person.data} />;
  return (
    <>
      <PageHeader title={`Person ${id}`} back={BACK} />
      {person.isPending && <LoadingState lines={10} what="Loading the person" />}
      {isMissing && (
        <EmptyState title="No such person" action={<Link to="/people">Search for a person</Link>}>
          Nobody in this workspace has this id. The person may have been erased, or belongs to another workspace.
        </EmptyState>
      )}
      {person.error && !isMissing && (
        <ErrorState what="Cannot load this person" error={person.error} onRetry={() => void person.refetch()} />
      )}
    </>
  );
}

function PersonView({ asked, person }: { asked: string; person: PersonDetails }) {
  const [erasing, setErasing] = useState(false);
  const orders = ordersOf(person);
  const merged = person.merged.find(({ person_id }) => person_id === asked);
  return (
    <>
      <PageHeader
        title={titleOf(person)}
        back={BACK}
        beside={<Badges person={person} />}
        actions={
          <RoleButton needs="write" variant="default" size="xs" onClick={() => setErasing(true)}>
            Erase…
          </RoleButton>
        }
      />
      {asked !== person.person_id && (
        <Notice title={`Person ${asked} is now person ${person.person_id}`}>
          {merged ? (
            <>
              They were found to be the same on <ZonedTime at={merged.merged_at} />.
            </>
          ) : (
            'They were found to be the same.'
          )}
        </Notice>
      )}
      <div className="person">
        <div className="person-main">
          <Totals person={person} orders={orders} />
          <Timeline orders={orders} />
        </div>
        <div className="person-side">
          <IdentifiersPanel person={person} />
          <AudiencesPanel person={person} />
          <FlowsPanel person={person.person_id} />
          <MergesPanel person={person} />
        </div>
      </div>
      <EraseDialog person={person} opened={erasing} onClose={() => setErasing(false)} />
    </>
  );
}

function Badges({ person }: { person: PersonDetails }) {
  const { sms, email } = person.reachable;
  return (
    <span className="badges">
      <span className="pill">Person {person.person_id}</span>
      {person.anonymous && <span className="pill">anonymous</span>}
      {sms && <span className="pill pill-good">reachable by SMS</span>}
      {email && <span className="pill pill-good">{sms ? 'by email' : 'reachable by email'}</span>}
      {!sms && !email && <span className="pill">not reachable</span>}
    </span>
  );
}

function Totals({ person, orders }: { person: PersonDetails; orders: readonly Order[] }) {
  const totals = totalsOf(orders);
  return (
    <div className="panel person-totals">
      <StatTile label="Orders" value={totals.orders} hint={`of ${counted(totals.carts, 'cart', 'carts')}`} />
      <StatTile label="Abandoned" value={totals.abandoned} hint={`${totals.recovered} ordered afterwards`} />
      <Seen label="First seen" at={person.first_at} />
      <Seen label="Last seen" at={person.last_at} />
    </div>
  );
}

function Seen({ label, at }: { label: string; at: string }) {
  const words = ago(Date.parse(at), useNow(10_000));
  return <StatTile label={label} value={words === 'now' ? 'just now' : `${words} ago`} hint={<ZonedTime at={at} />} />;
}

/** Carts at once; older ones on demand. */
const ORDERS_SHOWN = 15;

function Timeline({ orders }: { orders: readonly Order[] }) {
  const { cart: wanted } = route.useSearch();
  const [shown, setShown] = useState(ORDERS_SHOWN);
  const [withRetracted, setWithRetracted] = useState(true);
  const retracted = orders.flatMap(({ steps }) => steps).filter(({ retractedMs }) => retractedMs !== null).length;
  const place = orders.findIndex(({ cartId }) => cartId === wanted);
  const visible = orders.slice(0, Math.max(shown, place + 1));
  if (orders.length === 0)
    return (
      <EmptyState title="No carts or orders">
        This person is known from imported records only, or from carts that named nothing else.
      </EmptyState>
    );
  return (
    <section className="timeline" aria-labelledby="timeline" data-testid="timeline">
      <div className="timeline-head">
        <h2 id="timeline">Carts and orders</h2>
        {retracted > 0 && (
          <Button size="compact-xs" variant="subtle" color="gray" onClick={() => setWithRetracted(!withRetracted)}>
            {withRetracted ? 'Hide' : 'Show'} {counted(retracted, 'retracted event', 'retracted events')}
          </Button>
        )}
      </div>
      {visible.map((order) => (
        <OrderCard key={order.cartId} order={order} withRetracted={withRetracted} isWanted={order.cartId === wanted} />
      ))}
      {orders.length > visible.length && (
        <Button variant="default" onClick={() => setShown(visible.length + 50)}>
          Show {Math.min(50, orders.length - visible.length)} older
        </Button>
      )}
    </section>
  );
}
