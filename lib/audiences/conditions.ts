/** The parts that SQL for audiences is made of: bound parameters, and what a leaf asks of a row apart from time. */
import { statusText } from '../jane/fields.ts';
import type { TraitNode } from './tree.ts';

/**
 * The size of one parameter. ClickHouse takes values of up to 128 KiB (`http_max_field_value_size`), and up to 1,000
 * of them (`http_max_fields`): four lists of each of 200 leaves, and what a body of 256 KiB can hold in long ones, fit.
 */
const PIECE_MAX_BYTES = 100_000;
/** Numbers in one parameter. Each mention repeats them all in the query that ClickHouse plans. */
const PACK_MAX = 50;

/** The parameters of a query, with those of the names that it starts with. */
export class Parameters {
  /** The packs of numbers that are being filled. */
  private readonly packs = new Map<string, { values: number[]; bound: string }>();
  private readonly texts = new Map<string, string>();

  constructor(readonly values: Record<string, unknown>) {}

  bind(value: unknown, type: string): string {
    const name = `p${Object.keys(this.values).length}`;
    this.values[name] = value;
    return `{${name}:${type}}`;
  }

  /** Numbers go together: 200 leaves may hold more of them than a request may have parameters. */
  number(value: number, type: 'Int64' | 'Float64'): string {
    let pack = this.packs.get(type);
    if (pack === undefined || pack.values.length === PACK_MAX) {
      const values: number[] = [];
      pack = { values, bound: this.bind(values, `Array(${type})`) };
      this.packs.set(type, pack);
    }
    return `${pack.bound}[${pack.values.push(value)}]`;
  }

  instant(ms: number): string {
    return `fromUnixTimestamp64Milli(${this.number(ms, 'Int64')}, 'UTC')`;
  }

  /** Bound once, however often it is named. */
  text(value: string): string {
    const bound = this.texts.get(value) ?? this.bind(value, 'String');
    this.texts.set(value, bound);
    return bound;
  }

  /** A condition on any value of a list, in as many parameters as the list takes; none for an empty list. */
  anyOf(values: readonly string[] | undefined, condition: (list: string) => string): string[] {
    if (!values || values.length === 0) return [];
    const pieces = inPieces(values).map((piece) => condition(this.bind(piece, 'Array(String)')));
    return [pieces.length === 1 ? pieces.join() : `(${pieces.join(' OR ')})`];
  }
}

/** The values of a list, in as many lists as it takes for each to fit into a parameter. */
function inPieces(values: readonly string[]): string[][] {
  const pieces: string[][] = [];
  let left = 0;
  for (const value of values) {
    // Each character may be escaped; quotes and a comma.
    const bytes = 2 * Buffer.byteLength(value) + 3;
    if (bytes > left) {
      pieces.push([]);
      left = PIECE_MAX_BYTES;
    }
    left -= bytes;
    pieces.at(-1)!.push(value);
  }
  return pieces;
}

/** The rows of the workspace that is bound. */
export const OF_WORKSPACE = 'workspace = {workspace:String}';

/** What a leaf asks of a row of trait events, except `time`, `recovered` and `at_least`. */
export function eventConditions(node: TraitNode, parameters: Parameters): string[] {
  const statuses = node.status?.map(statusText);
  return [
    OF_WORKSPACE,
    `trait = ${parameters.text(node.trait)}`,
    ...parameters.anyOf(statuses, (list) => `status IN ${list}`),
    ...sharedConditions(node, parameters),
    ...(node.anomaly === undefined ? [] : [`anomaly IS ${node.anomaly ? 'NOT NULL' : 'NULL'}`]),
  ];
}

/** Store, mode, amount and products, which trait events and carts have alike. */
export function sharedConditions(node: TraitNode, parameters: Parameters): string[] {
  const { amount } = node;
  return [
    ...parameters.anyOf(node.store_id, (list) => `store_id IN ${list}`),
    ...parameters.anyOf(node.mode, (list) => `mode IN ${list}`),
    ...(amount?.min === undefined ? [] : [`amount >= ${parameters.number(amount.min, 'Float64')}`]),
    ...(amount?.max === undefined ? [] : [`amount <= ${parameters.number(amount.max, 'Float64')}`]),
    ...parameters.anyOf(
      node.product_id,
      (list) => `arrayExists((id, count) -> count > 0 AND id IN ${list}, products.product_id, products.count)`,
    ),
  ];
}
