import { z } from '@hono/zod-openapi';
import { addRoute } from '../../../lib/http/index.ts';
import { FAILING_PARTS, STAGE_STATES, STOP_REASONS } from '../../../lib/telemetry/index.ts';
import { showInstant, showInstantOrNull } from '../../../lib/time/index.ts';
import type { Routes } from '../deps.ts';
import { instant } from '../schemas.ts';
import { enginesNow, stagesNow } from '../status.ts';

const state = z
  .enum(STAGE_STATES)
  .describe(
    'closing: it finishes its last transaction; waiting: not open at the moment, it opens again by itself; stopped: it cannot continue until somebody acts',
  );

const problemSchema = z.strictObject({
  reason: z
    .enum(STOP_REASONS)
    .describe(
      'failing_record: the stage fails on the same record every time; clock_ahead: log time is far ahead of the ' +
        "process's clock; corrupt_log: the log cannot be read; broken_continuity: the log or the committed offset is " +
        'not what it was; unusable_state: an entry of the changelog cannot be read; input_unusable: see detail',
    ),
  offset: z.int().nullable().describe('the record that fails every time; null for other reasons'),
  part: z
    .enum(FAILING_PARTS)
    .nullable()
    .describe('what fails at the offset: the record itself, or a deadline that fires when it is handled'),
  detail: z.string().nullable(),
});

const partitionSchema = z.strictObject({
  partition: z.int(),
  position: z.int().nullable().describe('the next offset; null while no process reports it'),
  end: z.int(),
  lag: z.int().nullable(),
  log_time: instant.nullable(),
  earliest_due: instant.nullable().describe('when the earliest open deadline falls due'),
  state,
  problem: problemSchema.nullable().describe('why the partition is stopped; null while it is not, or while unknown'),
  url: z.string().nullable().describe('base URL of the process that owns the partition'),
});

const stageSchema = z.strictObject({
  stage: z.string(),
  state,
  urls: z.array(z.string()).describe('base URLs of /healthz, /readyz and /metrics of its processes'),
  topic: z.string().nullable(),
  position: z.int().nullable().describe('records processed, summed over all partitions; null while unknown'),
  lag: z.int().nullable().describe('records not processed yet; null while unknown'),
  fresh_through: instant.nullable().describe('it has processed everything that was accepted before this time'),
  behind_ms: z.int().nullable().describe('age of fresh_through'),
  partitions: z.array(partitionSchema),
});

const statusSchema = z
  .strictObject({
    now: instant,
    state: z.enum(['running', 'degraded']),
    fresh_through: instant.nullable(),
    stages: z.array(stageSchema),
    engines: z.array(
      z.strictObject({
        engine: z.enum(['kafka', 'registry', 'clickhouse']),
        state: z.enum(['running', 'refused', 'stopped']).describe('refused: the engine rejects the user or password'),
      }),
    ),
  })
  .openapi('Status');

export const statusRoutes: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/status',
    summary: 'State, position, lag and freshness of every stage',
    tag: 'status',
    access: 'read',
    inWorkspace: false,
    answers: { 200: { description: 'the current status', schema: statusSchema } },
  }).handle(async () => {
    const [freshThroughMs] = await Promise.all([deps.freshness.current(), deps.audiences.current()]);
    const [stages, engines] = await Promise.all([stagesNow(deps), enginesNow(deps)]);
    const running = [...stages, ...engines].every((item) => item.state === 'running');
    return {
      status: 200,
      body: {
        now: showInstant(deps.clock.wallMs()),
        state: running ? 'running' : 'degraded',
        fresh_through: showInstantOrNull(freshThroughMs),
        stages,
        engines,
      },
    };
  });
};
