import type { Carrier } from './entries.ts';
import type { Graph } from './graph.ts';
import { isReportChanged, isReported } from './link-report.ts';
import { partPeople } from './parting.ts';
import { assignOwner } from './ownership.ts';
import { isJunk, type LinkRules } from './rules.ts';

/**
 * Applies changed link rules to a workspace, also to what was received before. Each identifier that becomes junk parts the people
 * whom it linked; each that is no longer junk links its carriers again. Identifiers are handled one after another,
 * so each step is what a record could have caused.
 *
 * Returns the carts that are no longer with the person whose id they were emitted under.
 */
export function relink(graph: Graph, rules: LinkRules): Carrier[] {
  const former = graph.rules;
  // First those that link again, then those that become junk: a cart whose identifiers are all junk for now would join the
  // person made of one of them, and leave again at once.
  const linking: string[] = [];
  const newJunk: string[] = [];
  const rereported: string[] = [];
  for (const entry of graph.allIdentifiers()) {
    const { word, seenWith } = entry;
    if ((isReported(former, entry) || isReported(rules, entry)) && isReportChanged(former, rules, entry)) {
      rereported.push(word);
    }
    const isJunkNow = isJunk(rules, word, seenWith);
    if (isJunk(former, word, seenWith) !== isJunkNow) (isJunkNow ? newJunk : linking).push(word);
  }
  const changed = [...linking, ...newJunk];
  graph.changeRules(rules, changed);
  for (const word of rereported) graph.report(word);
  const moved = new Set<Carrier>();
  for (const word of changed) {
    graph.apply(word);
    for (const carrier of graph.junk(word) ? partPeople(graph, null, [word]).moved : linkAgain(graph, word))
      moved.add(carrier);
  }
  return [...moved];
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
