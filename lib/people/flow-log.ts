import type { FlowChange, FlowInput, FlowSettings, Outcome, PartedCart, PersonInput } from '../../schemas/types.ts';
import { flowChangeOf, flowChangesOf, FlowInputWriter, flowProfileOf } from './flow-records.ts';
import { continueRelink, emitMovedCarts, foldInto, graphOf, type FoldOptions } from './fold.ts';
import type { Graph } from './graph.ts';
import { beginHistory, emitHistory } from './flow-history.ts';
import { readFlows, writeFlows, type FlowsEntry } from './flows-entry.ts';
import { cartIdOf, isHistoryKey, isMovedKey } from './keys.ts';
import { assertionOf } from './markers.ts';
import { profileOf, type Cause } from './outcomes.ts';
import type { PeopleStore } from './store.ts';

/**
 * What flows need of a workspace, in the order of the log of people: `flow-inputs`. Nothing is written for a workspace in
 * which no flow was ever published. The first publish is preceded by the history that conditions of flows look at
 * (`flow-history.ts`); from then on every record writes what it changes.
 */

/** The outcomes of a record, and what it writes for flows. */
export interface Folded {
  outcomes: Outcome[];
  flowInputs: FlowInput[];
}

const NO_INPUTS: FlowInput[] = [];

/** As `foldPersonInput`, with the records for flows. A first publish leaves work too: the history. */
export function foldWithFlows(store: PeopleStore, input: PersonInput, cause: Cause, options: FoldOptions = {}): Folded {
  const { workspace } = input;
  const flows = readFlows(store, workspace);
  if (input.command !== null || input.settings !== null || input.code_pool !== null) {
    return { outcomes: [], flowInputs: foldFlowChange(store, flows, input, cause) };
  }
  const graph = graphOf(store, workspace, options);
  const outcomes = foldInto(graph, input, cause, options);
  return { outcomes, flowInputs: flows.published ? flowInputsOf(graph, input.cart, outcomes, cause) : NO_INPUTS };
}

/**
 * Does a step of the work that a record has left in the state, at the first key for which `isWorkKey` is true. `cause` is
 * that of the record. To be called until no such key is left, before the next record.
 */
export function continueWithFlows(store: PeopleStore, key: string, cause: Cause, options: FoldOptions = {}): Folded {
  if (isHistoryKey(key)) return { outcomes: [], flowInputs: emitHistory(store, key, cause, options) };
  if (isMovedKey(key)) return { outcomes: emitMovedCarts(store, key, cause, options), flowInputs: NO_INPUTS };
  const { graph, outcomes } = continueRelink(store, key, cause, options);
  const { published } = readFlows(store, graph.workspace);
  return { outcomes, flowInputs: published ? flowInputsOf(graph, null, outcomes, cause) : NO_INPUTS };
}

/** Passes a command, settings or a code pool on. Before the first publish, the latter two are kept for it. */
function foldFlowChange(store: PeopleStore, flows: FlowsEntry, input: PersonInput, cause: Cause): FlowInput[] {
  const { workspace, command, settings, code_pool: pool } = input;
  const out = new FlowInputWriter(workspace, cause);
  if (command?.what === 'cancel') {
    if (flows.published) out.add({ kind: 'command', command });
    return out.inputs;
  }
  const number = (command ?? settings ?? pool)?.number ?? -1;
  if (number <= flows.number) return [];
  const next: FlowsEntry = { ...flows, number };
  if (flows.published) {
    if (command !== null) out.add({ kind: 'command', command });
    else if (settings !== null) out.add({ kind: 'settings', settings });
    else out.add({ kind: 'code_pool', code_pool: pool });
  } else if (command?.what === 'publish') {
    Object.assign(next, { published: true, pending: command, settings: null, pools: [] });
    emitKept(out, flows, settings);
    beginHistory(store, workspace);
  } else if (command === null) {
    if (settings !== null) next.settings = settings;
    if (pool !== null) next.pools = [...flows.pools.filter(({ name }) => name !== pool.name), pool];
  }
  writeFlows(store, workspace, next);
  return out.inputs;
}

/**
 * Emits what was kept until the first publish, in the order of its numbers. Settings that were never a record of their
 * own are those of the publish; they get the smallest number, because what follows must have greater ones.
 */
function emitKept(out: FlowInputWriter, { settings, pools }: FlowsEntry, published: FlowSettings | null): void {
  const kept = [...pools, ...(settings === null ? [] : [settings])].sort((a, b) => a.number - b.number);
  if (settings === null && published !== null) out.add({ kind: 'settings', settings: { ...published, number: 0 } });
  for (const one of kept) {
    out.add('total' in one ? { kind: 'code_pool', code_pool: one } : { kind: 'settings', settings: one });
  }
}

/** Carts of one record of a parting. */
const PARTED_MAX = 1_000;

/** What a record changes for flows: first the profiles, which the others refer to. */
function flowInputsOf(graph: Graph, input: CartInput | null, outcomes: readonly Outcome[], cause: Cause): FlowInput[] {
  const out = new FlowInputWriter(graph.workspace, cause);
  for (const { erasure } of outcomes) {
    if (erasure === null) continue;
    const { person_id, former_ids, carts } = erasure;
    if (person_id === null && former_ids.length === 0 && carts.length === 0) continue;
    out.add({ kind: 'erasure', erasure: { person_id, former_ids, carts: carts.map(({ cart_id }) => cart_id) } });
  }
  const cart = outcomes.find((outcome) => outcome.cart?.cart_id === input?.cart_id)?.cart ?? null;
  const people = new Set(graph.changedPeople());
  // A person without a change may be new to flows. Parts follow each other.
  if (cart !== null && input?.part === 0) people.add(graph.personOf(cart.person_id));
  for (const person of people) out.add({ kind: 'profile', profile: flowProfileOf(profileOf(person)) });
  for (const { loser, winner, isAgain } of graph.merges) {
    if (!isAgain) out.add({ kind: 'merge', merge: { loser, winner } });
  }
  const parted = graph
    .partedCarts()
    .map(({ key, person }): PartedCart => ({ cart_id: cartIdOf(key), person_id: graph.personOf(person).id }));
  for (let from = 0; from < parted.length; from += PARTED_MAX) {
    out.add({ kind: 'parting', parting: { carts: parted.slice(from, from + PARTED_MAX) } });
  }
  if (cart !== null && input !== null) {
    const changes = flowChangesOf(cart, changesOf(input, outcomes), input);
    out.add({ kind: 'changes', changes });
  }
  return out.inputs;
}

type CartInput = NonNullable<PersonInput['cart']>;

/** The changes of the record itself. A cart that has moved is emitted with all its trait events, which flows know. */
function changesOf(input: CartInput, outcomes: readonly Outcome[]): FlowChange[] {
  const own = new Set(input.changes.map(assertionOf));
  return outcomes.flatMap(({ trait }) =>
    trait !== null && trait.cart_id === input.cart_id && own.has(assertionOf(trait)) ? [flowChangeOf(trait)] : [],
  );
}
