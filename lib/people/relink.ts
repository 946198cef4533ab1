import { ByteReader, ByteWriter } from '../bytes/index.ts';
import type { Carrier, IdentifierEntry } from './entries.ts';
import { Graph } from './graph.ts';
import { nextRulesKey, relinkKey, rulesKey } from './keys.ts';
import { isReportChanged, isReported } from './link-report.ts';
import { partPeople } from './parting.ts';
import { assignOwner } from './ownership.ts';
import { decodeRules, encodeRules, isJunk, type Bounds, type LinkRules, type StoredRules } from './rules.ts';
import type { Scratch } from './scratch.ts';
import type { PeopleStore } from './store.ts';

/**
 * Applies changed link rules to a workspace, also to what was received before. Each identifier that becomes junk parts the
 * people whom it linked; each that is no longer junk links its carriers again. Identifiers are handled one after another, so
 * each is what a record could have caused, and in steps of a bounded size. The position of the next step is an entry of the
 * state, which the runtime hands back until nothing is left, before the next record.
 *
 * First all identifiers that are affected are marked. Then those that are no longer junk link, and only then people are
 * parted: a cart whose identifiers are all junk for now would join the person made of one of them, and leave again at once.
 */
const PHASES = ['mark', 'link', 'part'] as const;

const FORMAT = 1;

interface Position {
  phase: (typeof PHASES)[number];
  /** The identifier at which the next step begins; undefined for the newest one. */
  from: string | undefined;
}

/** Stores rules that are to be applied. */
export function beginRelink(store: PeopleStore, workspace: string, rules: StoredRules): void {
  store.put(nextRulesKey(workspace), encodeRules(rules));
  store.put(relinkKey(workspace), encodePosition({ phase: 'mark', from: undefined }));
}

/** The graph of a step, which the caller writes back, and the carts that left the person whose id they were emitted under. */
export interface RelinkStep {
  graph: Graph;
  moved: Carrier[];
}

/** Does the next step, and stores the position of the one after it. `former`: the rules before the change. */
export function relinkStep(
  store: PeopleStore,
  workspace: string,
  former: LinkRules,
  bounds: Bounds,
  scratch: Scratch,
): RelinkStep {
  const [value, stored] = [store.get(relinkKey(workspace)), store.get(nextRulesKey(workspace))];
  if (value === undefined || stored === undefined) throw new Error('no link rules are being applied');
  const position = decodePosition(value);
  const rules = decodeRules(stored);
  const graph = new Graph(store, workspace, rules, bounds, scratch);
  graph.isRelinking = true;
  const moved = new Set<Carrier>();
  let read = 0;
  for (const entry of graph.allIdentifiers(position.from)) {
    const { word } = entry;
    if (read++ >= bounds.identifiersPerStep || graph.size >= bounds.entriesPerStep) {
      store.put(relinkKey(workspace), encodePosition({ ...position, from: word }));
      return { graph, moved: [...moved] };
    }
    if (position.phase === 'mark') mark(graph, entry, former);
    else for (const carrier of apply(graph, entry, position.phase)) moved.add(carrier);
  }
  finishPhase(store, workspace, position, rules);
  return { graph, moved: [...moved] };
}

function finishPhase(store: PeopleStore, workspace: string, { phase }: Position, rules: StoredRules): void {
  // From now on the rules are valid, except for the identifiers that are marked.
  if (phase === 'mark') store.put(rulesKey(workspace), encodeRules(rules));
  const next = PHASES[PHASES.indexOf(phase) + 1];
  if (next !== undefined) {
    store.put(relinkKey(workspace), encodePosition({ phase: next, from: undefined }));
    return;
  }
  store.delete(relinkKey(workspace));
  store.delete(nextRulesKey(workspace));
}

function mark(graph: Graph, entry: Readonly<IdentifierEntry>, former: LinkRules): void {
  const { rules } = graph;
  const { word, seenWith } = entry;
  if ((isReported(former, entry) || isReported(rules, entry)) && isReportChanged(former, rules, entry)) {
    graph.report(word);
  }
  if (isJunk(former, word, seenWith) !== isJunk(rules, word, seenWith)) graph.identifier(word).unapplied = true;
}

/** Applies the rules to an identifier if it is marked, in its phase. Returns the carts that have moved. */
function apply(
  graph: Graph,
  { word, seenWith, unapplied }: Readonly<IdentifierEntry>,
  phase: 'link' | 'part',
): Carrier[] {
  const isJunkNow = isJunk(graph.rules, word, seenWith);
  if (!unapplied || isJunkNow !== (phase === 'part')) return [];
  graph.identifier(word).unapplied = false;
  return isJunkNow ? partPeople(graph, null, [word]).moved : linkAgain(graph, word);
}

function encodePosition({ phase, from }: Position): Buffer {
  const writer = new ByteWriter(64);
  writer.byte(FORMAT);
  writer.byte(PHASES.indexOf(phase));
  writer.byte(from === undefined ? 0 : 1);
  if (from !== undefined) writer.text(from);
  return writer.take();
}

/** Throws a DamagedStateError. */
function decodePosition(value: Buffer): Position {
  const reader = new ByteReader(value, 'the position of changed link rules');
  if (reader.byte() !== FORMAT) reader.fail(`the format ${FORMAT}`, 0);
  const phase = PHASES[reader.byte()] ?? reader.fail('a phase', 1);
  const position: Position = { phase, from: reader.byte() === 0 ? undefined : reader.text() };
  reader.expectEnd();
  return position;
}

/** Links the carriers of an identifier that is no longer junk. Returns the carts that have moved. */
function linkAgain(graph: Graph, word: string): Carrier[] {
  const { person: id } = graph.identifier(word);
  const person = id === 0 ? undefined : graph.personOf(id);
  if (person?.junk === true) {
    // All carts of the person that was made of it carry it, so the person continues as its owner.
    const { carts } = person;
    graph.clear(person);
    person.carts = carts;
    graph.give(person, word);
  }
  const moved: Carrier[] = [];
  for (const carrier of graph.carriersOf(word)) {
    const emittedUnder = carrier.person;
    if (assignOwner(graph, carrier)) moved.push(carrier);
    // A cart that only followed a merge is not emitted: it keeps the id that it was emitted under.
    else if (emittedUnder !== 0) carrier.person = emittedUnder;
  }
  return moved;
}
