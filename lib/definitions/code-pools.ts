import type { Definitions } from './definitions.ts';
import type { CodePoolBody, Folded } from './entities.ts';
import { seal, unseal } from './secrets.ts';

/**
 * Codes of a pool by their number: the place in the order in which they were added, counted from 0. Flows deal numbers;
 * the codes themselves are in `definitions` alone, encrypted.
 */

type Reader = Pick<Definitions, 'list'>;
type Batch = Folded<'code_pool'>;

export const batchId = (workspace: string, name: string, batch: number): string => `${workspace}:${name}:${batch}`;

/** The batches of each pool of a workspace, by the pool's name, in their order. */
export function poolsOf(definitions: Reader, workspace: string): Map<string, Batch[]> {
  const pools = new Map<string, Batch[]>();
  for (const batch of definitions.list('code_pool', workspace)) {
    const batches = pools.get(batch.name) ?? [];
    batches[batch.batch] = batch;
    pools.set(batch.name, batches);
  }
  return pools;
}

/** The number of codes that were ever added to a pool. */
export function totalOf(batches: readonly Batch[]): number {
  const last = batches.at(-1);
  return last === undefined ? 0 : last.first + last.count;
}

/** The code of this number; undefined if the pool has none. Throws when the codes cannot be decrypted with this key. */
export function codeOf(
  definitions: Reader,
  secretKey: Buffer,
  { workspace, name, index }: { workspace: string; name: string; index: number },
): string | undefined {
  const batches = poolsOf(definitions, workspace).get(name) ?? [];
  const batch = batches.findLast(({ first }) => first <= index);
  return batch && codesOf(batch, secretKey)[index - batch.first];
}

const opened = new WeakMap<object, readonly string[]>();

/** The codes of a batch, which are decrypted once. Throws when they cannot be decrypted with this key. */
export function codesOf(batch: Batch, secretKey: Buffer): readonly string[] {
  let codes = opened.get(batch);
  if (codes === undefined) {
    codes = JSON.parse(unseal(secretKey, batch.sealed, batch.id)) as string[];
    opened.set(batch, codes);
  }
  return codes;
}

/** The body of the next batch of a pool. */
export function nextBatch(
  batches: readonly Batch[],
  secretKey: Buffer,
  { workspace, name, codes }: { workspace: string; name: string; codes: readonly string[] },
): CodePoolBody {
  const batch = batches.length;
  const sealed = seal(secretKey, JSON.stringify(codes), batchId(workspace, name, batch));
  return { name, batch, first: totalOf(batches), count: codes.length, sealed };
}
