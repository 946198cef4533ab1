import { IconArrowBackUp, IconBuildingStore, IconCar, IconDeviceDesktop, IconTruckDelivery } from '@tabler/icons-react';
import type { TraitEvent } from '../data/api.ts';
import { Notice, ErrorState } from '../design/states.tsx';
import { useSession } from '../app/session.ts';
import { agoOrDay, stampIn, useNow } from '../design/time.ts';
import { toneOf } from '../design/words.ts';
import { useEvents } from './data.ts';
import { labelOf } from './lifecycle.ts';

const MODES = {
  pickup: { icon: IconBuildingStore, label: 'pickup' },
  delivery: { icon: IconTruckDelivery, label: 'delivery' },
  kiosk: { icon: IconDeviceDesktop, label: 'kiosk' },
  curbside: { icon: IconCar, label: 'curbside' },
} as const;

/** The latest trait events, newest first. */
export function Events() {
  const events = useEvents();
  const nowMs = useNow();
  const items = events.data?.items ?? [];
  return (
    <section className="events panel" aria-labelledby="events-title">
      <header className="panel-head">
        <h2 id="events-title">Latest events</h2>
      </header>
      {events.error && !events.data ? (
        <ErrorState what="Cannot load the events" error={events.error} onRetry={() => void events.refetch()} />
      ) : events.data && items.length === 0 ? (
        <Notice title="No events yet">Trait events appear here as soon as they are detected.</Notice>
      ) : (
        // It scrolls, so the keyboard must reach it.
        <ol className="feed" aria-labelledby="events-title" aria-busy={!events.data} tabIndex={0} data-testid="events">
          {items.map((event) => (
            <EventRow key={event.event_id} event={event} nowMs={nowMs} />
          ))}
          {!events.data && Array.from({ length: 8 }, (_, n) => <li key={n} className="event event-blank" />)}
        </ol>
      )}
    </section>
  );
}

function EventRow({ event, nowMs }: { event: TraitEvent; nowMs: number }) {
  const { workspace } = useSession();
  const occurredMs = Date.parse(event.occurred_at);
  const mode = event.mode !== null && event.mode in MODES ? MODES[event.mode as keyof typeof MODES] : null;
  const full = `${stampIn(workspace.time_zone, occurredMs)}, cart ${event.cart_id}`;
  return (
    <li className="event" data-tone={toneOf(event.trait, event.status)} title={full}>
      <span className="event-dot" aria-hidden="true" />
      <span className="event-main">
        <span className="event-what">
          {labelOf(event.trait, event.status)}
          {event.recovered_at !== null && (
            <span className="tag" title="The customer came back and ordered">
              <IconArrowBackUp size={12} aria-hidden="true" /> recovered
            </span>
          )}
          {event.anomaly !== null && <span className="tag tag-odd">{event.anomaly.replaceAll('_', ' ')}</span>}
        </span>
        <span className="event-who">
          {event.name || 'Unnamed'}
          {event.store_id !== null && ` · Store ${event.store_id}`}
        </span>
      </span>
      {mode && <mode.icon className="event-mode" size={16} aria-label={mode.label} />}
      <span className="event-end">
        <span className="event-amount">{event.amount === null ? '' : `$${event.amount.toFixed(2)}`}</span>
        <time dateTime={event.occurred_at}>{agoOrDay(workspace.time_zone, occurredMs, nowMs)}</time>
      </span>
    </li>
  );
}
