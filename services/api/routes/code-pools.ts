import { z } from '@hono/zod-openapi';
import {
  batchId,
  codesOf,
  nextBatch,
  poolsOf,
  totalOf,
  type Definitions,
  type Folded,
} from '../../../lib/definitions/index.ts';
import { addRoute, HttpProblem, listOf, listQuery, pageOf } from '../../../lib/http/index.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { givenCodes, type CodeNode } from '../flow-reports.ts';
import { onCurrentVersion } from '../versions.ts';

/** Pools of codes, such as discounts that can be used once. */

const POOLS_MAX = 100;
const CODES_MAX = 10_000;
/** Codes of a pool in all; a flow that needs more uses several pools. */
const POOL_CODES_MAX = 1_000_000;
const BODY_MAX_BYTES = 2 * 1024 * 1024;

const name = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9 _.-]{0,99}$/, 'must be 1 to 100 letters, digits, spaces, dots, dashes or underscores');
const code = z.string().trim().min(1).max(200);

const request = z.strictObject({ name, codes: z.array(code).min(1).max(CODES_MAX) });

const poolSchema = z
  .strictObject({
    name: z.string(),
    left: z.int().describe('codes that no run has'),
    given: z.int().describe('codes that a run has; each run gets one'),
  })
  .openapi('CodePool');
const addedSchema = z
  .strictObject({ ...poolSchema.shape, added: z.int().describe('codes of the request that the pool did not have') })
  .openapi('AddedCodes');

/** The messages of all versions of all flows that give a code of a pool. */
function codeNodesOf(definitions: Definitions, workspace: string): CodeNode[] {
  return definitions
    .list('flow', workspace)
    .flatMap(({ id }) =>
      definitions
        .versions('flow', id)
        .flatMap(({ version, flow }) =>
          Object.entries(flow.nodes).flatMap(([node, definition]) =>
            'code_pool' in definition && definition.code_pool !== undefined
              ? [{ flowId: id, version, node, pool: definition.code_pool }]
              : [],
          ),
        ),
    );
}

/** How many codes of each pool were given. */
const givenOf = (
  { definitions, database }: ApiDeps,
  workspace: string,
  signal: AbortSignal,
): Promise<Map<string, number>> => givenCodes(database.for(signal), workspace, codeNodesOf(definitions, workspace));

function show(name: string, total: number, given: number): z.output<typeof poolSchema> {
  // A message without a code is sent where the flow says so, and then counts here too.
  const known = Math.min(given, total);
  return { name, left: total - known, given: known };
}

export const codePoolRoutes: Routes = (app, deps) => {
  const { definitions, secretKey } = deps;

  addRoute(app, {
    method: 'post',
    path: '/v1/code-pools',
    summary: 'Add codes to a pool',
    description:
      'Creates the pool if it does not exist. Codes that it already has are not added again. Codes are stored encrypted and never returned.',
    tag: 'flows',
    access: 'write',
    body: request,
    bodyMaxBytes: BODY_MAX_BYTES,
    answers: { 201: { description: 'the pool', schema: addedSchema } },
    problems: { 409: `the workspace has ${POOLS_MAX} pools already, or the pool would have too many codes` },
  }).handle(async ({ c, body, workspace }) => {
    await definitions.fresh();
    const added = await onCurrentVersion(c, () => addCodes(definitions, secretKey, { workspace, ...body }));
    const total = totalOf(poolsOf(definitions, workspace).get(body.name) ?? []);
    const given = await givenOf(deps, workspace, c.req.raw.signal);
    return { status: 201, body: { ...show(body.name, total, given.get(body.name) ?? 0), added } };
  });

  addRoute(app, {
    method: 'get',
    path: '/v1/code-pools',
    summary: 'List code pools',
    tag: 'flows',
    access: 'read',
    query: listQuery,
    answers: { 200: { description: 'a page of pools, ordered by name', schema: listOf(poolSchema) } },
  }).handle(async ({ c, query, workspace }) => {
    const pools = [...poolsOf(definitions, workspace)];
    const given = pools.length === 0 ? new Map<string, number>() : await givenOf(deps, workspace, c.req.raw.signal);
    const body = pageOf(
      pools,
      query,
      ([pool]) => pool,
      ([pool, batches]) => show(pool, totalOf(batches), given.get(pool) ?? 0),
    );
    return { status: 200, body };
  });
};

interface Adding {
  workspace: string;
  name: string;
  codes: readonly string[];
}

/**
 * Adds the codes that the pool does not have; resolves with their number. Throws ConflictError when another request added
 * codes meanwhile, and HttpProblem 409.
 */
async function addCodes(
  definitions: Definitions,
  secretKey: Buffer,
  { workspace, name, codes }: Adding,
): Promise<number> {
  const pools = poolsOf(definitions, workspace);
  const batches = pools.get(name) ?? [];
  if (batches.length === 0 && pools.size >= POOLS_MAX) {
    throw new HttpProblem(409, `the workspace has ${POOLS_MAX} code pools already`);
  }
  const known = new Set(batches.flatMap((batch: Folded<'code_pool'>) => codesOf(batch, secretKey)));
  const fresh = [...new Set(codes)].filter((one) => !known.has(one));
  if (totalOf(batches) + fresh.length > POOL_CODES_MAX) {
    throw new HttpProblem(409, `a pool has at most ${POOL_CODES_MAX} codes; use another one`);
  }
  if (fresh.length === 0) return 0;
  const body = nextBatch(batches, secretKey, { workspace, name, codes: fresh });
  await definitions.append({
    entity: 'code_pool',
    workspace,
    id: batchId(workspace, name, body.batch),
    expectedVersion: 0,
    body,
  });
  return fresh.length;
}
