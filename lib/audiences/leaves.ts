/** The leaves of an audience, and the set of people that the tree makes of theirs, in SQL. */
import type { Audience, DwellNode, TraitNode } from './tree.ts';

export type Leaf = TraitNode | DwellNode;

/** In the order of the tree; equal ones repeatedly. */
export function leavesOf(node: Audience): Leaf[] {
  if ('and' in node) return node.and.flatMap(leavesOf);
  if ('or' in node) return node.or.flatMap(leavesOf);
  if ('not' in node) return leavesOf(node.not);
  return 'everyone' in node ? [] : [node];
}

/** The distinct leaves of an audience. */
export class DistinctLeaves {
  readonly all: readonly Leaf[];
  private readonly indexes = new Map<string, number>();

  constructor(audience: Audience) {
    const all: Leaf[] = [];
    for (const leaf of leavesOf(audience)) {
      const name = JSON.stringify(leaf);
      if (!this.indexes.has(name)) this.indexes.set(name, all.push(leaf) - 1);
    }
    this.all = all;
  }

  /** The index in `all` of a leaf that equals this one. */
  indexOf(leaf: Leaf): number {
    return this.indexes.get(JSON.stringify(leaf))!;
  }
}

/** The expression of a node's people as a bitmap, from the bitmaps of its leaves and of everybody, `universe`. */
export function setOf(node: Audience, leaf: (node: Leaf) => string): string {
  if ('and' in node) return node.and.map((child) => setOf(child, leaf)).reduce((a, b) => `bitmapAnd(${a}, ${b})`);
  if ('or' in node) return node.or.map((child) => setOf(child, leaf)).reduce((a, b) => `bitmapOr(${a}, ${b})`);
  if ('not' in node) return `bitmapAndnot(universe, ${setOf(node.not, leaf)})`;
  return 'everyone' in node ? 'universe' : leaf(node);
}
