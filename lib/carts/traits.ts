/** Trait events as they leave the core: what was found, with the values that hold for it. */
import type { AbandonmentSource, Anomaly, CartEvent, TraitChange, TraitOp } from '../../schemas/types.ts';
import { invariant } from '../bytes/index.ts';
import { Catalogue } from './catalogue.ts';
import type { Change } from './changes.ts';
import type { Abandonment } from './episodes.ts';
import { KEY_SIZE } from './format.ts';
import { ABANDONED } from './marks.ts';
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

/** A trait event that the function contains, or an abandonment on its way there. Times are Unix milliseconds. */
export interface TraitEvent {
  /** Code of the status, or ABANDONED. */
  status: number;
  at: number;
  /** Of an abandonment. */
  source: AbandonmentSource | null;
  /** T of the episode's first activity, NEVER if it has none. */
  openedAt: number;
  /** Of a timer's: counts once log time is past `at` and this. */
  settledAt: number;
  previous: number;
  reentered: boolean;
  anomaly: Anomaly | null;
  /** Of an abandonment that was recovered. */
  recoveredAt: number;
  /** References to the values that hold for it. */
  values: number[];
  /** Arrival of the event that is the change; NEVER for an abandonment. */
  arrival: number;
  /** Log time of the assertion that stands; NEVER while it does not count. */
  detectedAt: number;
  /** T of the trait event whose place it takes. */
  replaces: number;
}

export function changeEvent(change: Change, values: number[], arrival: number): TraitEvent {
  return {
    status: change.status,
    at: change.at,
    source: null,
    openedAt: NEVER,
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

/** Log time has to be past this for it to count; NEVER for what counts on arrival. */
export function countsAfter(trait: TraitEvent): number {
  return trait.source === 'timer' ? Math.max(trait.at, trait.settledAt) : NEVER;
}

/** Where the values of trait events can be read. */
export interface ValueReader {
  life: Life;
  names: Pick<Names, 'at'>;
  records: RecordsSection;
  catalogue: Catalogue;
}

/** @param summary of the state that `bytes` are */
export function valuesIn({ life, sizes, stated }: Summary, bytes: Buffer): ValueReader {
  const keysAt = bytes.length - KEY_SIZE * life.count;
  const recordsAt = keysAt - sizes.records;
  const end = recordsAt - sizes.index;
  const catalogue = new Catalogue({ bytes, start: end - sizes.products, end, indexEnd: recordsAt });
  return { life, names: stated.names, records: { bytes, recordsAt, keysAt }, catalogue };
}

/**
 * @param retractedAt log time, for a retraction
 * @param event the one that `trait` is, if the caller has it: it spares reading what it says itself
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
    last_activity_at: null,
  };
}

/** Whether two assertions of the same trait event say the same of it; different references may lead to equal values. */
export function sameFields(a: TraitEvent, b: TraitEvent, { records }: ValueReader): boolean {
  return (
    a.source === b.source &&
    a.previous === b.previous &&
    a.reentered === b.reentered &&
    a.anomaly === b.anomaly &&
    Object.is(a.recoveredAt, b.recoveredAt) &&
    TRAIT_VALUES.every((which) => sameValue(records, which, a.values[which]!, b.values[which]!))
  );
}

export function timeOrNull(time: number): number | null {
  return Number.isNaN(time) ? null : time;
}
