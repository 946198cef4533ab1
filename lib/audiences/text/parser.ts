import type { Trait } from '../../../schemas/types.ts';
import { UNITS, type Unit } from '../../time/index.ts';
import { parseAudience } from '../parse.ts';
import type { Audience, DwellNode, TimeCondition, TraitNode } from '../tree.ts';
import { TextSyntaxError, tokensOf, type TextError, type Token } from './lexer.ts';

/** Characters of a text. */
export const TEXT_MAX = 20_000;

/** Where the clauses of a leaf begin, by the member that they set. */
type Positions = WeakMap<object, { position: number; clauses: Map<string, number> }>;

/**
 * Parses an audience in the text language (docs/audiences.md). Syntax errors stop at the first; errors of meaning are
 * all reported, each at its clause.
 */
export function parseText(
  text: string,
): { audience: Audience; errors?: never } | { audience?: never; errors: TextError[] } {
  if (text.length > TEXT_MAX)
    return { errors: [{ message: `is longer than ${TEXT_MAX} characters`, position: TEXT_MAX, expected: [] }] };
  try {
    const parser = new Parser(tokensOf(text));
    const audience = parser.parse();
    const { issues = [] } = parseAudience(audience);
    if (issues.length === 0) return { audience };
    return {
      errors: issues.map(({ path, message }) => ({
        message,
        position: positionOf(audience, path, parser.positions),
        expected: [],
      })),
    };
  } catch (error) {
    if (error instanceof TextSyntaxError) return { errors: [error.issue] };
    throw error;
  }
}

/** The position of the last part of a path that stands in the text. */
function positionOf(root: Audience, path: readonly PropertyKey[], positions: Positions): number {
  let position = 0;
  let node: unknown = root;
  for (const key of [undefined, ...path]) {
    const known = typeof node === 'object' && node !== null ? positions.get(node) : undefined;
    if (key !== undefined) {
      position = known?.clauses.get(String(key)) ?? position;
      node = (node as Record<PropertyKey, unknown> | undefined)?.[key];
    }
    const at = typeof node === 'object' && node !== null ? positions.get(node) : undefined;
    if (at !== undefined) position = at.position;
  }
  return position;
}

/** An open parenthesis, or the whole text: what was read in it so far. */
interface Group {
  position: number;
  /** Finished alternatives. */
  ors: Audience[];
  /** The factors of the alternative that is being read. */
  ands: Audience[];
  /** Positions of the `not`s before the factor that comes next. */
  nots: number[];
}

const group = (position: number): Group => ({ position, ors: [], ands: [], nots: [] });

const TRAITS: readonly Trait[] = ['cart_abandoned', 'cart_status_updated'];
const NUMBER = /^\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i;

class Parser {
  readonly positions: Positions = new WeakMap();
  private next = 0;
  /** What was looked for at the next token, in vain. */
  private expected: string[] = [];

  constructor(private readonly tokens: Token[]) {}

  /** With a stack of its own: a text may hold thousands of parentheses. */
  parse(): Audience {
    const open: Group[] = [group(0)];
    for (;;) {
      const current = open[open.length - 1]!;
      const { position } = this.token;
      if (this.takes('not')) current.nots.push(position);
      else if (this.takesMark('(')) open.push(group(position));
      else {
        this.add(current, this.leaf());
        const whole = this.operators(open);
        if (whole !== undefined) return whole;
      }
    }
  }

  /** What follows a factor: closing parentheses, then an operator or the end, which gives the whole. */
  private operators(open: Group[]): Audience | undefined {
    for (;;) {
      const current = open[open.length - 1]!;
      if (this.takes('and')) return undefined;
      if (this.takes('or')) {
        current.ors.push(this.combine('and', current.ands, current.position));
        current.ands = [];
        return undefined;
      }
      const inner = open.length > 1;
      if (inner ? !this.takesMark(')') : !this.takesMark('end')) this.fail();
      current.ors.push(this.combine('and', current.ands, current.position));
      const node = this.combine('or', current.ors, current.position);
      open.pop();
      const outer = open[open.length - 1];
      if (outer === undefined) return node;
      this.add(outer, node);
    }
  }

  private add(to: Group, node: Audience): void {
    let factor = node;
    for (const position of to.nots.reverse()) {
      factor = { not: factor };
      this.positions.set(factor, { position, clauses: new Map() });
    }
    to.nots = [];
    to.ands.push(factor);
  }

  /** One child is itself; children of the same kind are taken in. */
  private combine(kind: 'and' | 'or', children: readonly Audience[], position: number): Audience {
    const [first] = children;
    if (children.length === 1 && first !== undefined) return first;
    const flat = children.flatMap((child) =>
      kind === 'and' && 'and' in child ? child.and : kind === 'or' && 'or' in child ? child.or : [child],
    );
    const node: Audience = kind === 'and' ? { and: flat } : { or: flat };
    this.positions.set(node, { position, clauses: new Map() });
    return node;
  }

  private leaf(): Audience {
    const { position } = this.token;
    const clauses = new Map<string, number>();
    const node = this.takes('everyone')
      ? { everyone: true as const }
      : this.takes('status')
        ? this.dwell(clauses)
        : this.trait(clauses);
    this.positions.set(node, { position, clauses });
    return node;
  }

  private dwell(clauses: Map<string, number>): DwellNode {
    const positions = new Map<string, number>();
    positions.set('status', this.token.position);
    this.require('in');
    const status = this.list();
    positions.set('for', this.token.position);
    this.require('for');
    const dwell: DwellNode['dwell'] = { status, for: this.duration() };
    positions.set('store_id', this.token.position);
    if (this.takes('at')) {
      this.require('store');
      dwell.store_id = this.values();
    }
    this.positions.set(dwell, { position: positions.get('status') ?? 0, clauses: positions });
    clauses.set('dwell', positions.get('status') ?? 0);
    return { dwell };
  }

  private trait(clauses: Map<string, number>): TraitNode {
    let atLeast: number | undefined;
    const { position } = this.token;
    if (this.takes('at')) {
      this.require('least');
      atLeast = this.number();
      clauses.set('at_least', position);
    }
    const trait = TRAITS.find((name) => this.takes(name)) ?? this.fail();
    const node: TraitNode = { trait };
    for (let start = this.token; ; start = this.token) {
      const clause = this.clause();
      if (clause === undefined) break;
      for (const [key, value] of Object.entries(clause)) {
        if (clauses.has(key))
          throw new TextSyntaxError({
            message: `a second clause for ${key}`,
            position: start.position,
            expected: [],
          });
        clauses.set(key, start.position);
        Object.assign(node, { [key]: value });
      }
    }
    if (atLeast !== undefined) node.at_least = atLeast;
    return node;
  }

  /** One clause of a leaf as the member that it sets; undefined where none begins. */
  private clause(): Partial<TraitNode> | undefined {
    if (this.takesMark('=')) return { status: [this.value()] };
    if (this.takes('in')) {
      if (this.takes('last')) return { time: { operator: 'in_last', ...this.duration() } };
      if (this.takes('next')) return { time: { operator: 'in_next', ...this.duration() } };
      return { status: this.list() };
    }
    for (const operator of ['after', 'on', 'before'] as const)
      if (this.takes(operator)) return { time: { operator, date: this.date() } };
    if (this.takes('between')) return { time: this.between() };
    if (this.takes('recovered')) return { recovered: true };
    if (this.takes('not')) {
      this.require('recovered');
      return { recovered: false };
    }
    if (this.takes('without')) {
      this.require('anomaly');
      return { anomaly: false };
    }
    if (this.takes('with')) {
      if (this.takes('anomaly')) return { anomaly: true };
      if (this.takes('amount')) return { amount: this.amount() };
      this.require('product');
      return { product_id: this.values() };
    }
    if (this.takes('at')) {
      this.require('store');
      return { store_id: this.values() };
    }
    if (this.takes('by')) {
      this.require('mode');
      return { mode: this.values() };
    }
    return undefined;
  }

  private between(): TimeCondition {
    const from = this.date();
    this.require('and');
    return { operator: 'between', from, to: this.date() };
  }

  private amount(): NonNullable<TraitNode['amount']> {
    const amount: NonNullable<TraitNode['amount']> = {};
    if (this.takes('from')) amount.min = this.number();
    if (this.takes('to')) amount.max = this.number();
    return amount;
  }

  private duration(): { amount: number; unit: Unit } {
    const amount = this.number();
    const unit = UNITS.find((name) => this.takes(name) || this.takes(name.slice(0, -1), false)) ?? this.fail();
    return { amount, unit };
  }

  /** One value, or a list of them in parentheses. */
  private values(): string[] {
    return this.token.kind === '(' ? this.list() : [this.value('(')];
  }

  private list(): string[] {
    if (!this.takesMark('(')) this.fail();
    const values = [this.value()];
    while (this.takesMark(',')) values.push(this.value());
    if (!this.takesMark(')')) this.fail();
    return values;
  }

  private value(...others: string[]): string {
    return this.text('a word or a JSON string', others);
  }

  private date(): string {
    return this.text('a day or an instant', []);
  }

  private text(what: string, others: string[]): string {
    const { kind, value } = this.token;
    this.expected.push(what, ...others);
    if (kind !== 'word' && kind !== 'string') this.fail();
    this.advance();
    return value;
  }

  private number(): number {
    const { kind, value } = this.token;
    this.expected.push('a number');
    if (kind !== 'word' || !NUMBER.test(value)) this.fail();
    this.advance();
    return Number(value);
  }

  private get token(): Token {
    return this.tokens[this.next]!;
  }

  private advance(): void {
    if (this.token.kind !== 'end') this.next++;
    this.expected = [];
  }

  /** Whether the next token is this keyword, in any case; then it is consumed. */
  private takes(keyword: string, announced = true): boolean {
    const { kind, value } = this.token;
    if (announced) this.expected.push(keyword);
    if (kind !== 'word' || value.toLowerCase() !== keyword) return false;
    this.advance();
    return true;
  }

  private takesMark(kind: '(' | ')' | ',' | '=' | 'end'): boolean {
    this.expected.push(kind === 'end' ? 'the end' : kind);
    if (this.token.kind !== kind) return false;
    this.advance();
    return true;
  }

  private require(keyword: string): void {
    if (!this.takes(keyword)) this.fail();
  }

  private fail(): never {
    const { kind, value, position } = this.token;
    const found = kind === 'end' ? 'the text ends here' : `${JSON.stringify(value.slice(0, 50))} cannot stand here`;
    const expected = [...new Set(this.expected)];
    throw new TextSyntaxError({ message: `${found}; expected ${expected.join(', ')}`, position, expected });
  }
}
