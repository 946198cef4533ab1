import type { Cart, FlowChange, FlowInput, TraitChange } from '../../schemas/types.ts';
import { splitChanges } from '../carts/split.ts';
import { describeStatus } from '../jane/statuses.ts';
import type { Carrier } from './entries.ts';
import { nextOf } from './entry-cache.ts';
import { flowChangeOf, flowChangesOf, FlowInputWriter, flowProfileOf } from './flow-records.ts';
import { bytesOf, parseEntry, readFlows, writeFlows } from './flows-entry.ts';
import { graphOf, type FoldOptions } from './fold.ts';
import type { Graph } from './graph.ts';
import { cartIdOf, historyKey, isCart, workspaceOfHistory } from './keys.ts';
import { cartOf, profileOf, traitEventOf, type Cause } from './outcomes.ts';
import { DEFAULT_BOUNDS } from './rules.ts';
import type { PeopleStore } from './store.ts';

/**
 * The history that precedes the first published flow of a workspace: its open carts, the carts with a trait event of the
 * last 60 days, and their people. It is read in steps of a bounded size, all of them before the next record: first the
 * carts of every identifier, then carts without identifiers, which are people of their own. The publish is emitted last.
 */

const HISTORY_MS = 60 * 86_400_000;

/** Where the next step begins. */
type Position =
  /** At the carrier of this name in the list of an identifier; '' is the end of the list. The word '' is the start. */
  | { phase: 'identifiers'; word: string; carrier: string }
  /** At the person with this id. */
  | { phase: 'people'; id: number };

export function beginHistory(store: PeopleStore, workspace: string): void {
  store.put(historyKey(workspace), bytesOf({ phase: 'identifiers', word: '', carrier: '' } satisfies Position));
}

/**
 * Emits a step of the history, and at its end the publish that waits for it. `key` is the entry of the state, which this
 * changes or deletes; `cause` is that of the publish.
 */
export function emitHistory(store: PeopleStore, key: string, cause: Cause, options: FoldOptions = {}): FlowInput[] {
  const value = store.get(key);
  if (value === undefined) return [];
  const workspace = workspaceOfHistory(key);
  const { cartsPerStep } = options.bounds ?? DEFAULT_BOUNDS;
  const position = parseEntry<Position>(value, `the history of workspace ${workspace}`);
  const graph = graphOf(store, workspace, options);
  const history = new HistoryWriter(graph, cause);
  const next =
    position.phase === 'identifiers'
      ? readIdentifiers(graph, position, cartsPerStep, history)
      : readPeople(graph, position.id, cartsPerStep, history);
  if (next !== null) store.put(key, bytesOf(next));
  else {
    store.delete(key);
    const flows = readFlows(store, workspace);
    history.out.add({ kind: 'command', command: flows.pending });
    writeFlows(store, workspace, { ...flows, pending: null });
  }
  return history.out.inputs;
}

type IdentifiersPosition = Extract<Position, { phase: 'identifiers' }>;

function readIdentifiers(graph: Graph, from: IdentifiersPosition, steps: number, history: HistoryWriter): Position {
  let at = from.word === '' ? startOf(graph, graph.newestIdentifier) : from;
  for (let left = steps; at.word !== '' && left > 0; left--) {
    const { word } = at;
    if (at.carrier === '') {
      at = startOf(graph, graph.identifier(word).next);
      continue;
    }
    const carrier = graph.peekCarrier(at.carrier);
    // A cart with several identifiers is in the list of each.
    if (carrier.identifiers[0]?.word === word) history.add(carrier);
    at = { ...at, carrier: nextOf(carrier, word) };
  }
  return at.word === '' ? { phase: 'people', id: 1 } : at;
}

/** The start of an identifier's list; the word '' comes after the last identifier. */
const startOf = (graph: Graph, word: string): IdentifiersPosition => ({
  phase: 'identifiers',
  word,
  carrier: word === '' ? '' : graph.identifier(word).carrierHead,
});

function readPeople(graph: Graph, fromId: number, count: number, history: HistoryWriter): Position | null {
  const endId = Math.min(fromId + count, graph.nextPersonId);
  for (let id = fromId; id < endId; id++) {
    if (!graph.isPerson(id)) continue;
    const { winner, onlyCarrier, identifiers } = graph.person(id);
    if (winner === 0 && identifiers.length === 0 && isCart(onlyCarrier)) history.add(graph.peekCarrier(onlyCarrier));
  }
  return endId === graph.nextPersonId ? null : { phase: 'people', id: endId };
}

/** Collects the records of one step. */
class HistoryWriter {
  readonly out: FlowInputWriter;
  private readonly graph: Graph;
  private readonly sinceMs: number;
  private readonly profiles = new Set<number>();

  constructor(graph: Graph, cause: Cause) {
    this.graph = graph;
    this.out = new FlowInputWriter(graph.workspace, cause);
    this.sinceMs = cause.logTimeMs - HISTORY_MS;
  }

  /** Adds a carrier, if it is a cart that belongs to the history. */
  add(carrier: Carrier): void {
    const { key, snapshot, person: owner } = carrier;
    if (snapshot === null || owner === 0 || !isCart(key)) return;
    const rows = this.graph.rowsOf(carrier).filter(({ occurred_at }) => occurred_at >= this.sinceMs);
    if (rows.length === 0 && !isOpen(snapshot)) return;
    const person = this.graph.personOf(owner);
    if (!this.profiles.has(person.id)) {
      this.out.add({ kind: 'profile', profile: flowProfileOf(profileOf(person)) });
      this.profiles.add(person.id);
    }
    const cart = cartOf(cartIdOf(key), person.id, snapshot, carrier.addresses);
    this.addChanges(
      cart,
      rows.map((row) => ({ ...row, op: 'asserted' })),
    );
    // What was asserted and retracted before is not asserted for the first time when it is asserted again.
    const retracted = rows.filter(({ op }) => op === 'retracted');
    if (retracted.length > 0) this.addChanges(cart, retracted);
  }

  private addChanges(cart: Cart, rows: readonly TraitChange[]): void {
    const batches = splitChanges(rows);
    batches.forEach((batch, part) => {
      const changes = batch.map((row): FlowChange => flowChangeOf(traitEventOf(this.graph.workspace, cart, row)));
      this.out.add({ kind: 'changes', changes: flowChangesOf(cart, changes, { part, parts: batches.length }) });
    });
  }
}

/** Whether the cart has an open episode, or an order that is on its way. */
function isOpen({ due_at, status }: Pick<Cart, 'due_at' | 'status'>): boolean {
  if (due_at !== null) return true;
  return status !== null && status !== 'finished' && describeStatus(status)?.terminal !== true;
}
