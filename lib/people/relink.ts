import type { Source } from './entries.ts';
import type { Graph } from './graph.ts';
import { part } from './part.ts';
import { place } from './place.ts';
import { isJunk, type LinkRules } from './rules.ts';

/**
 * Applies other link rules to a workspace: they hold for the past too. Each identifier that becomes junk parts the people
 * whom it linked; each that is no longer junk links the sources that carry it. Identifiers are handled one after another,
 * so each step is what a record could have caused.
 *
 * Returns the carts that are no longer with the person whose id they were emitted under.
 */
export function relink(graph: Graph, rules: LinkRules): Source[] {
  const former = graph.rules;
  // First those that link again, then those that become junk: a cart whose identifiers are all junk for now would join the
  // person made of one of them, and leave again at once.
  const linking: string[] = [];
  const turned: string[] = [];
  for (const { word, seenWith } of graph.allIdentifiers()) {
    const isJunkNow = isJunk(rules, word, seenWith);
    if (isJunk(former, word, seenWith) !== isJunkNow) (isJunkNow ? turned : linking).push(word);
  }
  const changed = [...linking, ...turned];
  graph.changeRules(rules, changed);
  const moved = new Set<Source>();
  for (const word of changed) {
    graph.apply(word);
    for (const source of graph.junk(word) ? part(graph, null, [word]).moved : linkAgain(graph, word)) moved.add(source);
  }
  return [...moved];
}

/** Links the sources of an identifier that is no longer junk. Returns the carts that have moved. */
function linkAgain(graph: Graph, word: string): Source[] {
  const { person: id } = graph.identifier(word);
  const person = id === 0 ? undefined : graph.personOf(id);
  if (person?.junk === true) {
    // All carts of the person that was made of it carry it, so the person continues as its owner.
    const { carts } = person;
    graph.clear(person);
    person.carts = carts;
    graph.give(person, word);
  }
  const moved: Source[] = [];
  for (const source of graph.sourcesOf(word)) {
    const emittedUnder = source.person;
    if (place(graph, source)) moved.push(source);
    // A cart that only followed a merge is not emitted: it keeps the id that it was emitted under.
    else if (emittedUnder !== 0) source.person = emittedUnder;
  }
  return moved;
}
