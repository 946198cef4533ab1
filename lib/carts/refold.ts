/**
 * The long way: a cart's events folded anew from their records. Taken when an event arrives late, when something that
 * already counts may change, and when an abandonment falls due that cannot be told from the summary alone.
 */
import type { CartEvent, TraitChange } from '../../schemas/types.ts';
import { Writer } from './bytes.ts';
import { openAbandonment } from './episodes.ts';
import { ABANDONED, markId, readMarks, writeMark, type Mark } from './marks.ts';
import { compareRecords, type CartRecord } from './order.ts';
import { appendRecord, readRecords } from './records.ts';
import { dropReturned, handOver } from './replacement.ts';
import { buildState, type Opened } from './state.ts';
import { step } from './step.ts';
import { NEVER, Summary, earlier } from './summary.ts';
import {
  abandonmentEvent,
  changeEvent,
  countsAfter,
  sameFields,
  sourceOf,
  toChange,
  type Source,
  type TraitEvent,
} from './traits.ts';

export interface Refolded {
  state: Buffer;
  changes: TraitChange[];
}

/** The cart with one more event, wherever in their order it belongs. */
export function refoldWith(cart: Opened, event: CartEvent, logTime: number): Refolded {
  const records = readRecords(cart.bytes, cart.summary, cart.recordsAt, cart.keysAt);
  const { names } = cart.summary;
  records.sort((a, b) => compareRecords(a, b, names));
  const before = evaluate(cart.summary, records, readMarks(cart.bytes, cart.marksAt, cart.productsAt));

  const { record, appended } = appendRecord(cart, event, logTime);
  const index = records.findIndex((other) => compareRecords(record, other, names) < 0);
  records.splice(index < 0 ? records.length : index, 0, record);
  const after = evaluate(cart.summary, records, NO_MARKS);

  const diff = compareTraits(before.traits, after.traits, logTime);
  const summary = finish(after, cart.summary);
  const state = buildState(cart, summary, { marks: marksOf(after.traits), appended });
  return { state, changes: changesOf(diff, after.traits, sourceOf(summary, state), logTime) };
}

/**
 * The cart once everything that is due counts.
 * @param dueBefore what is due before this; log time unless the cart is forgotten by then
 */
export function refoldDue(cart: Opened, logTime: number, dueBefore: number): Refolded {
  const records = readRecords(cart.bytes, cart.summary, cart.recordsAt, cart.keysAt);
  records.sort((a, b) => compareRecords(a, b, cart.summary.names));
  const { summary: walked, traits } = evaluate(
    cart.summary,
    records,
    readMarks(cart.bytes, cart.marksAt, cart.productsAt),
  );
  const concluded = traits.filter((trait) => Number.isNaN(trait.detectedAt) && countsAfter(trait) < dueBefore);
  for (const trait of concluded) trait.detectedAt = logTime;
  const summary = finish({ summary: walked, traits }, cart.summary);
  const state = buildState(cart, summary, { marks: marksOf(traits) });
  const source = sourceOf(summary, state);
  return { state, changes: concluded.map((trait) => toChange('asserted', trait, source)) };
}

interface Evaluation {
  summary: Summary;
  /** In order; the open episode, as the abandonment that it may become, comes last. */
  traits: TraitEvent[];
}

const NO_MARKS: ReadonlyMap<string, Mark> = new Map();

/** Walks over all events. */
function evaluate(known: Summary, records: readonly CartRecord[], marks: ReadonlyMap<string, Mark>): Evaluation {
  const summary = new Summary();
  summary.names = known.names;
  const traits: TraitEvent[] = [];
  for (const record of records) {
    const found = step(summary, record);
    if (found.abandonment !== undefined) traits.push(abandonmentEvent(found.abandonment));
    if (found.change !== undefined) traits.push(changeEvent(found.change, summary.values.slice(), record.arrival));
  }
  if (summary.open) traits.push(abandonmentEvent(openAbandonment(summary)));
  for (const trait of traits) {
    if (trait.status === ABANDONED) trait.recoveredAt = summary.recoveredAt;
    const mark = marks.get(idOf(trait));
    if (mark === undefined) continue;
    trait.detectedAt = mark.detectedAt;
    trait.replaces = mark.replaces;
  }
  return { summary, traits };
}

interface Difference {
  /** What counted and is no longer contained. */
  retracted: TraitEvent[];
  /** What counts now and did not, or was not there. */
  asserted: Set<TraitEvent>;
  /** What counted before too, as it was. */
  kept: Map<TraitEvent, TraitEvent>;
}

/** Carries over what `before` knew of the same trait events, concludes what is due, finds what replaces what. */
function compareTraits(before: readonly TraitEvent[], after: readonly TraitEvent[], logTime: number): Difference {
  const gone = new Map(before.map((trait) => [idOf(trait), trait]));
  const fresh = new Set<TraitEvent>();
  const kept = new Map<TraitEvent, TraitEvent>();
  for (const trait of after) {
    const id = idOf(trait);
    const old = gone.get(id);
    trait.detectedAt = old?.detectedAt ?? NEVER;
    trait.replaces = old?.replaces ?? NEVER;
    if (old === undefined) fresh.add(trait);
    else if (!Number.isNaN(old.detectedAt)) kept.set(trait, old);
    gone.delete(id);
  }
  const lost = [...gone.values()];
  const waiting = after.filter((trait) => Number.isNaN(trait.detectedAt));
  dropReturned(waiting, after);
  handOver(
    lost.filter((trait) => trait.status === ABANDONED),
    waiting.filter((trait) => trait.status === ABANDONED),
    (trait) => fresh.has(trait),
  );
  for (const trait of waiting) {
    if (trait.status !== ABANDONED) trait.replaces = lost.find((old) => old.status === trait.status)?.at ?? NEVER;
  }
  const asserted = new Set(waiting.filter((trait) => !(countsAfter(trait) >= logTime)));
  for (const trait of asserted) trait.detectedAt = logTime;
  return { retracted: lost.filter((trait) => !Number.isNaN(trait.detectedAt)), asserted, kept };
}

function changesOf(
  { retracted, asserted, kept }: Difference,
  after: readonly TraitEvent[],
  source: Source,
  logTime: number,
): TraitChange[] {
  const changes = retracted.map((trait) => toChange('retracted', trait, source, logTime));
  for (const trait of after) {
    const old = kept.get(trait);
    if (asserted.has(trait)) changes.push(toChange('asserted', trait, source));
    else if (old !== undefined && !sameFields(old, trait, source)) changes.push(toChange('updated', trait, source));
  }
  return changes;
}

/** Gives the walked summary what does not come from the walk. */
function finish({ summary, traits }: Evaluation, known: Summary): Summary {
  summary.beyondHorizon = known.beyondHorizon;
  summary.count = known.count;
  summary.productsSize = known.productsSize;
  summary.indexSize = known.indexSize;
  summary.recordsSize = known.recordsSize;
  summary.lastArrival = known.lastArrival;
  summary.windowMs = known.windowMs;
  summary.graceMs = known.graceMs;
  summary.stated = known.stated;
  const openOne = summary.open ? traits.at(-1) : undefined;
  for (const trait of traits) {
    if (trait.status !== ABANDONED) continue;
    if (!Number.isNaN(trait.detectedAt)) summary.abandonedAt = trait.at;
    else if (trait !== openOne) summary.closedDue = earlier(summary.closedDue, countsAfter(trait));
    if (Number.isNaN(trait.detectedAt) && !Number.isNaN(trait.replaces)) summary.claimed = true;
  }
  summary.openConcluded = openOne !== undefined && !Number.isNaN(openOne.detectedAt);
  return summary;
}

function marksOf(traits: readonly TraitEvent[]): Writer {
  const writer = new Writer();
  for (const trait of traits) {
    const marked = !Object.is(trait.detectedAt, trait.arrival) || !Number.isNaN(trait.replaces);
    if (marked) writeMark(writer, trait);
  }
  return writer;
}

const idOf = (trait: TraitEvent): string => markId(trait.status, trait.at);
