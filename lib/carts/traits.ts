/** The trait events that the core emits, with their values. */
import type { AbandonmentSource, Anomaly, CartEvent, TraitChange, TraitOp } from '../../schemas/types.ts';
import { invariant } from '../bytes/index.ts';
import { Catalogue } from './catalogue.ts';
import type { Change } from './changes.ts';
import type { Abandonment } from './episodes.ts';
import { KEY_SIZE } from './format.ts';
import { ABANDONED } from './decisions.ts';
import { NO_STATUS, statusName, type Names } from './statuses.ts';
import { NEVER, type Life, type Summary } from './summary.ts';
import {
  AMOUNT,
  MODE,
  PRODUCTS,
  STORE,
  TRAIT_VALUES,
  numberAt,
  sameValue,
  textAt,
  type RecordsSection,
} from './values.ts';

/**
 * A trait event, or an abandonment that does not count yet. Times are Unix milliseconds; NEVER stands for a missing
 * time.
 */
export interface TraitEvent {
  /** Code of the status, or ABANDONED. */
  status: number;
  at: number;
  /** Null for a change of status. */
  source: AbandonmentSource | null;
  /** T of the episode's first activity, NEVER if it has none. */
  openedAt: number;
  /** For an abandonment: T of the episode's last activity, NEVER if it has none. */
  lastActivityAt: number;
  /** For an abandonment by timer: it counts once log time is past both `at` and this. */
  settledAt: number;
  previous: number;
  reentered: boolean;
  anomaly: Anomaly | null;
  /** When the abandonment was recovered; NEVER if it was not. */
  recoveredAt: number;
  /** References to its values; `ValueReader` reads them. */
  values: number[];
  /** Arrival of the event that is the change; NEVER for an abandonment. */
  arrival: number;
  /** Log time of the current assertion; NEVER while it does not count. */
  detectedAt: number;
  /** T of the trait event that it replaces. */
  replaces: number;
}

export function changeEvent(change: Change, values: number[], arrival: number): TraitEvent {
  return {
    status: change.status,
    at: change.at,
    source: null,
    openedAt: NEVER,
    lastActivityAt: NEVER,
    settledAt: NEVER,
    previous: change.previous,
    reentered: change.reentered,
    anomaly: change.anomaly,
    recoveredAt: NEVER,
    values,
    arrival,
    detectedAt: arrival,
    replaces: NEVER,
  };
}

export function abandonmentEvent(abandonment: Abandonment): TraitEvent {
  return {
    status: ABANDONED,
    at: abandonment.at,
    source: abandonment.source,
    openedAt: abandonment.openedAt,
    lastActivityAt: abandonment.lastActivityAt,
    settledAt: abandonment.settledAt,
    previous: NO_STATUS,
    reentered: false,
    anomaly: null,
    recoveredAt: NEVER,
    values: abandonment.values,
    arrival: NEVER,
    detectedAt: NEVER,
    replaces: NEVER,
  };
}

/** The log time past which the trait event counts; NEVER if it counts on arrival. */
export function countsAfter(trait: TraitEvent): number {
  return trait.source === 'timer' ? Math.max(trait.at, trait.settledAt) : NEVER;
}

/** Reads the values of trait events from a state. */
export interface ValueReader {
  life: Life;
  names: Pick<Names, 'at'>;
  records: RecordsSection;
  catalogue: Catalogue;
}

/** @param summary the summary of the state in `bytes` */
export function valuesIn({ life, sizes, stated }: Summary, bytes: Buffer): ValueReader {
  const keysAt = bytes.length - KEY_SIZE * life.count;
  const recordsAt = keysAt - sizes.records;
  const end = recordsAt - sizes.index;
  const catalogue = new Catalogue({ bytes, start: end - sizes.products, end, indexEnd: recordsAt });
  return { life, names: stated.names, records: { bytes, recordsAt, keysAt }, catalogue };
}

/**
 * @param retractedAt log time, for a retraction
 * @param event the event that `trait` describes, if the caller has it; saves reading its values from the state
 */
export function toChange(
  op: TraitOp,
  trait: TraitEvent,
  { life, names, records, catalogue }: ValueReader,
  retractedAt: number | null = null,
  event?: CartEvent,
): TraitChange {
  invariant(!Number.isNaN(trait.detectedAt), 'what is reported counts');
  const { values } = trait;
  const abandoned = trait.status === ABANDONED;
  return {
    op,
    trait: abandoned ? 'cart_abandoned' : 'cart_status_updated',
    status: abandoned ? '' : statusName(trait.status, names),
    occurred_at: trait.at,
    detected_at: trait.detectedAt,
    retracted_at: retractedAt,
    recovered_at: timeOrNull(trait.recoveredAt),
    source: trait.source,
    previous_status: trait.previous === NO_STATUS ? null : statusName(trait.previous, names),
    reentered: trait.reentered,
    anomaly: trait.anomaly,
    store_id: event?.store_id ?? textAt(records, values[STORE]!),
    mode: event?.mode ?? textAt(records, values[MODE]!),
    amount: event?.amount ?? numberAt(records, values[AMOUNT]!),
    products: event?.products ?? (values[PRODUCTS] === 0 ? null : catalogue.list(values[PRODUCTS]!)),
    beyond_horizon: life.beyondHorizon,
    replaces: timeOrNull(trait.replaces),
    last_activity_at: timeOrNull(trait.lastActivityAt),
  };
}

/** Whether two assertions of the same trait event have equal fields. Different references may lead to equal values. */
export function sameFields(a: TraitEvent, b: TraitEvent, { records }: ValueReader): boolean {
  return (
    a.source === b.source &&
    a.previous === b.previous &&
    a.reentered === b.reentered &&
    a.anomaly === b.anomaly &&
    Object.is(a.recoveredAt, b.recoveredAt) &&
    Object.is(a.lastActivityAt, b.lastActivityAt) &&
    TRAIT_VALUES.every((which) => sameValue(records, which, a.values[which]!, b.values[which]!))
  );
}

export function timeOrNull(time: number): number | null {
  return Number.isNaN(time) ? null : time;
}
