import { z } from '@hono/zod-openapi';
import { addRoute } from '../../../lib/http/index.ts';
import { showInstant } from '../../../lib/time/index.ts';
import type { Routes } from '../deps.ts';
import { instant } from '../schemas.ts';
import { enginesNow, stagesNow } from '../status.ts';

const state = z.enum(['running', 'restoring', 'stopped']);

const partitionSchema = z.strictObject({
  partition: z.int(),
  position: z.int().nullable().describe('the next offset; null: nobody says'),
  end: z.int(),
  lag: z.int().nullable(),
  log_time: instant.nullable(),
  earliest_due: instant.nullable().describe('when the earliest waiting deadline falls due'),
  state,
  url: z.string().nullable().describe('of the process that works on it'),
});

const stageSchema = z.strictObject({
  stage: z.string(),
  state,
  urls: z.array(z.string()).describe('where its processes answer /healthz, /readyz, /metrics'),
  topic: z.string().nullable(),
  position: z.int().nullable().describe('records done, over all partitions'),
  lag: z.int().nullable().describe('records in front of it'),
  fresh_through: instant.nullable().describe('it has passed everything that was accepted before'),
  behind_ms: z.int().nullable().describe('how old that is'),
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
        state: z.enum(['running', 'refused', 'stopped']).describe('refused: it refuses the user and password'),
      }),
    ),
  })
  .openapi('Status');

export const statusRoutes: Routes = (app, deps) => {
  addRoute(
    app,
    {
      method: 'get',
      path: '/v1/status',
      summary: 'Every stage with state, position, lag and freshness',
      tag: 'status',
      access: 'read',
      inWorkspace: false,
      answers: { 200: { description: 'as it is now', schema: statusSchema } },
    },
    async () => {
      const freshThroughMs = await deps.freshness.current();
      const [stages, engines] = await Promise.all([stagesNow(deps), enginesNow(deps)]);
      const running = [...stages, ...engines].every((part) => part.state === 'running');
      return {
        status: 200,
        body: {
          now: showInstant(deps.now()),
          state: running ? 'running' : 'degraded',
          fresh_through: freshThroughMs === null ? null : showInstant(freshThroughMs),
          stages,
          engines,
        },
      };
    },
  );
};
