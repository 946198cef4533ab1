import { IconCheck, IconX } from '@tabler/icons-react';
import type { Audience } from '../../../lib/audiences/tree.ts';
import type { ExplainedNode } from '../data/api.ts';
import { money, statusLabel, TRAIT_LABELS } from '../design/words.ts';
import { ZonedTime } from '../design/ZonedTime.tsx';
import { inWords } from './model/text.ts';

/** Why a person is in an audience or not: every condition with what decided it, and what nearly did. */
export function ExplanationTree({ node }: { node: ExplainedNode }) {
  return (
    <ul className="why-tree" data-testid="explanation">
      <Node node={node} />
    </ul>
  );
}

function Node({ node: explained }: { node: ExplainedNode }) {
  const { matches, children, count, events = [], near = [] } = explained;
  const audience = explained.node as Audience;
  const isLeaf = count !== undefined;
  return (
    <li className="why-node" data-matches={matches}>
      <div className="why-head">
        {matches ? <IconCheck size={15} aria-label="met" /> : <IconX size={15} aria-label="not met" />}
        <span>{headline(audience)}</span>
      </div>
      {isLeaf && <Evidence node={audience} matches={matches} events={events} near={near} />}
      {children && children.length > 0 && (
        <ul className="why-tree">
          {children.map((child, index) => (
            <Node key={index} node={child} />
          ))}
        </ul>
      )}
    </li>
  );
}

/** What a node asks, without its children. */
function headline(node: Audience): string {
  if ('and' in node) return 'All of these:';
  if ('or' in node) return 'At least one of these:';
  if ('not' in node) return 'This must not be so:';
  if ('everyone' in node) return 'Everyone';
  const words = inWords(node)
    .replace(/^People who /, '')
    .replace(/\.$/, '');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

type Found = NonNullable<ExplainedNode['events']>[number];
type Near = NonNullable<ExplainedNode['near']>[number];

interface EvidenceProps {
  node: Audience;
  matches: boolean;
  events: readonly Found[];
  near: readonly Near[];
}

function Evidence({ node, matches, events, near }: EvidenceProps) {
  return (
    <div className="evidence">
      {events.slice(0, 3).map((event, index) => (
        <p key={index} className="evidence-line" data-kind="found">
          <Event event={event} />
        </p>
      ))}
      {events.length > 3 && <p className="fine">and {events.length - 3} more that satisfy it</p>}
      {events.length === 0 && near.length === 0 && <p className="fine">No such cart or event was seen.</p>}
      {!matches && near.length > 0 && <p className="fine">Near misses:</p>}
      {!matches &&
        near.slice(0, 3).map((event, index) => (
          <p key={index} className="evidence-line" data-kind="near">
            <Event event={event} />
            <span className="misses">{event.fails.map((fail) => missOf(node, fail)).join(', ')}</span>
          </p>
        ))}
    </div>
  );
}

/** Why something that happened does not satisfy a condition. */
const MISSES: Record<Near['fails'][number], string> = {
  status: 'another status',
  time: 'outside of the time range',
  for: 'not long enough',
  store_id: 'another store',
  recovered: 'recovered',
  anomaly: 'anomaly',
  mode: 'another mode',
  amount: 'another amount',
  product_id: 'without the product',
};

function missOf(node: Audience, fail: Near['fails'][number]): string {
  if ((fail !== 'recovered' && fail !== 'anomaly') || !('trait' in node)) return MISSES[fail];
  return node[fail] ? `no ${fail === 'anomaly' ? 'anomaly' : 'recovery'}` : MISSES[fail];
}

function Event({ event }: { event: Found }) {
  const isCart = !('trait' in event);
  const what = isCart
    ? `Cart ${event.status === null ? 'without status' : statusLabel(event.status).toLowerCase()}`
    : event.trait === 'cart_abandoned'
      ? TRAIT_LABELS.cart_abandoned
      : statusLabel(event.status);
  const at = isCart ? (event.status_since ?? event.created_at) : event.occurred_at;
  const details = [
    event.store_id === null ? null : `store ${event.store_id}`,
    event.mode,
    event.amount === null ? null : money(event.amount),
  ].filter((detail) => detail !== null);
  return (
    <span>
      <strong>{what}</strong> {at !== null && <ZonedTime at={at} />}
      <span className="fine"> {[...details, `cart ${event.cart_id}`].join(' · ')}</span>
    </span>
  );
}
