/**
 * Between the API's tree of an audience and the query of react-querybuilder. A rule holds a condition; a group is `and` or
 * `or`, and may be negated. The way there and back gives the same tree, except that empty lists are left out and `and` and
 * `or` of one child become that child; except for those, nothing is added or lost.
 */
import { generateID, type RuleGroupType, type RuleType } from '@react-querybuilder/core';
import type { Audience } from '../../../../lib/audiences/tree.ts';
import { conditionOf, leafOfCondition, newCondition, problemOf, type Condition } from './condition.ts';

export type Rule = RuleType<'condition', 'is', Condition, 'and' | 'or'>;
export type Group = RuleGroupType<Rule, 'and' | 'or'>;

export const newRule = (condition: Condition = newCondition()): Rule => ({
  id: generateID(),
  field: 'condition',
  operator: 'is',
  value: condition,
});

export const newGroup = (rules: (Rule | Group)[] = [newRule()]): Group => ({
  id: generateID(),
  combinator: 'and',
  rules,
});

export const isGroup = (node: Rule | Group): node is Group => 'rules' in node;

/** The query of an audience; its root is always a group. */
export function queryOf(audience: Audience): Group {
  const node = nodeOf(audience);
  return isGroup(node) ? node : newGroup([node]);
}

function nodeOf(audience: Audience): Rule | Group {
  if ('and' in audience) return branchOf('and', audience.and);
  if ('or' in audience) return branchOf('or', audience.or);
  if (!('not' in audience)) return newRule(conditionOf(audience));
  const inner = nodeOf(audience.not);
  if (!isGroup(inner)) {
    if (!inner.value.negated) return newRule({ ...inner.value, negated: true });
    return { ...newGroup([inner]), not: true };
  }
  return inner.not ? { ...newGroup([inner]), not: true } : { ...inner, not: true };
}

function branchOf(combinator: 'and' | 'or', children: readonly Audience[]): Rule | Group {
  const rules = children.map(nodeOf);
  return rules.length === 1 ? rules[0]! : { id: generateID(), combinator, rules };
}

export interface Export {
  /** Null while something is missing. */
  audience: Audience | null;
  /** What is missing or wrong, by the id of its rule or group. */
  problems: ReadonlyMap<string, string>;
  /** The ids of rules and groups by the JSON Pointer of their node in the audience, for errors of the API. */
  idsByPath: ReadonlyMap<string, string>;
}

/** The audience of a query, or what it lacks. */
export function audienceOf(query: Group): Export {
  const problems = new Map<string, string>();
  const idsByPath = new Map<string, string>();
  const audience = exportNode(query, '', problems, idsByPath);
  return { audience: problems.size === 0 ? audience : null, problems, idsByPath };
}

function exportNode(
  node: Rule | Group,
  path: string,
  problems: Map<string, string>,
  idsByPath: Map<string, string>,
): Audience {
  const id = node.id ?? '';
  if (!isGroup(node)) {
    const { negated } = node.value;
    const problem = problemOf(node.value);
    if (problem !== null) problems.set(id, problem);
    idsByPath.set(negated ? `${path}/not` : path, id);
    const leaf = leafOfCondition(node.value);
    return negated ? { not: leaf } : leaf;
  }
  const { combinator, not, rules } = node;
  const at = not ? `${path}/not` : path;
  idsByPath.set(at, id);
  const inner = (): Audience => {
    const [first] = rules;
    if (first === undefined) {
      problems.set(id, 'Add a condition, or remove this group.');
      return { everyone: true };
    }
    if (rules.length === 1) return exportNode(first, at, problems, idsByPath);
    const children = rules.map((rule, index) => exportNode(rule, `${at}/${combinator}/${index}`, problems, idsByPath));
    return combinator === 'and' ? { and: children } : { or: children };
  };
  return not ? { not: inner() } : inner();
}

/** The id of the rule or group that an error's path (a JSON Pointer within `prefix`) belongs to: the innermost. */
export function idAt(idsByPath: ReadonlyMap<string, string>, path: string, prefix = '/audience'): string | undefined {
  let rest = path.startsWith(prefix) ? path.slice(prefix.length) : path;
  for (;;) {
    const id = idsByPath.get(rest);
    if (id !== undefined || rest === '') return id;
    rest = rest.slice(0, rest.lastIndexOf('/'));
  }
}

/** What a group says about its members: `and`, `or`, and their negations. */
export type Quantifier = 'all' | 'any' | 'none' | 'not_all';

export const quantifierOf = ({ combinator, not }: Pick<Group, 'combinator' | 'not'>): Quantifier =>
  combinator === 'and' ? (not ? 'not_all' : 'all') : not ? 'none' : 'any';

/** A copy in which the node with this id is replaced; everything that does not change is shared. */
function replace(group: Group, id: string, by: (node: Rule | Group) => Rule | Group): Group {
  if (group.id === id) return by(group) as Group;
  const rules = group.rules.map((node) => (node.id === id ? by(node) : isGroup(node) ? replace(node, id, by) : node));
  return rules.every((node, index) => node === group.rules[index]) ? group : { ...group, rules };
}

export const withQuantifier = (query: Group, id: string, quantifier: Quantifier): Group =>
  replace(query, id, (node) => ({
    ...(node as Group),
    combinator: quantifier === 'all' || quantifier === 'not_all' ? 'and' : 'or',
    not: quantifier === 'none' || quantifier === 'not_all',
  }));

/** Puts a rule or group into a group of its own, with a second condition to fill in. */
export const wrapped = (query: Group, id: string): Group =>
  replace(query, id, (node) => ({ id: generateID(), combinator: 'or', rules: [node, newRule()] }));

/** Puts the members of a group where the group was. A negated group stays. */
export function dissolved(query: Group, id: string): Group {
  const rules = query.rules.flatMap((node) => {
    if (!isGroup(node)) return [node];
    return node.id === id && !node.not ? node.rules : [dissolved(node, id)];
  });
  const same = rules.length === query.rules.length && rules.every((node, index) => node === query.rules[index]);
  return same ? query : { ...query, rules };
}

/** Number of conditions. */
export const sizeOf = (query: Group): number =>
  query.rules.reduce((sum, node) => sum + (isGroup(node) ? sizeOf(node) : 1), 0);
