import { z } from '@hono/zod-openapi';
import { addRoute, decodeCursor, encodeCursor, HttpProblem, invalid, listQuery } from '../../../lib/http/index.ts';
import type { Definitions, SavedAudience } from '../../../lib/definitions/index.ts';
import { readInstant, showInstant, UNITS } from '../../../lib/time/index.ts';
import { readBuckets, readFeed, type FeedRow } from '../audience-feed.ts';
import type { ApiDeps, Routes } from '../deps.ts';
import { personId } from '../rows.ts';
import { givenInstant, idParams, instant } from '../schemas.ts';
import { BUCKETS_MAX, bucketStarts } from '../steps.ts';
import { zoneOf } from '../zones.ts';
import { savedAudience } from './saved-audiences.ts';

const STEP = /^(?:([1-9]\d{0,5})\s+)?(minute|hour|day|week|month)s?$/i;

const change = z
  .strictObject({
    person_id: personId.describe('the person at that time; a merge lets the loser leave and the winner enter'),
    change: z.enum(['entered', 'left']),
    at: instant.describe('time of the evaluation that first shows it'),
    cause: z.string().describe('event, retraction, time, merge, definition or erasure'),
    version: z.int().describe('version of the audience'),
  })
  .openapi('AudienceChange');

const feed = z.strictObject({
  items: z.array(change),
  next_cursor: z.string().describe('continues after these items, also when there are none yet'),
});

const bucket = z.strictObject({
  from: instant,
  entered: z.int(),
  left: z.int(),
  size: z.int().describe('members at the end of the bucket'),
});

const summaryQuery = z.strictObject({
  from: givenInstant,
  to: givenInstant,
  step: z
    .string()
    .regex(STEP, 'must be a whole number and a unit, such as "1 day" or "15 minutes"')
    .default('1 day')
    .describe('amount and unit, such as "1 day"; months and days are steps of the calendar in the workspace\'s zone'),
});

const show = (row: FeedRow): z.output<typeof change> => ({
  person_id: row.person_id,
  change: row.change,
  at: row.at,
  cause: row.cause,
  version: row.version,
});

/** Throws HttpProblem 404 and 409. */
async function liveAudience(definitions: Definitions, workspace: string, id: string): Promise<SavedAudience> {
  const saved = await savedAudience(definitions, workspace, id);
  if (!saved.live) throw new HttpProblem(409, 'the audience is not live: its changes are not followed');
  return saved;
}

/** The beginnings of the buckets, then the end of the last one. Throws 422. */
function boundsOf({ from, to, step: text }: z.output<typeof summaryQuery>, zone: string): number[] {
  const [fromMs, toMs] = [readInstant(from)!, readInstant(to)!];
  if (fromMs > toMs) throw invalid([{ path: '/from', message: 'must not be after "to"' }]);
  const [, amount = '1', name = ''] = STEP.exec(text)!;
  const unit = UNITS.find((each) => each === `${name.toLowerCase()}s`)!;
  return [...bucketStarts({ fromMs, toMs, amount: Number(amount), unit, zone }), toMs];
}

const common = { tag: 'audiences', access: 'read', params: idParams } as const;
const notLive = { 409: 'the audience is not live' };

export const audienceChangeRoutes: Routes = (app, deps: ApiDeps) => {
  const { definitions, database } = deps;

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/audiences/{id}/changes',
    summary: 'People who entered or left a live audience, oldest first',
    description:
      'From the oldest change that is kept. Ask again with next_cursor for what has happened since; a cursor is valid for as long as changes are kept (LOG_RETENTION_DAYS).',
    query: listQuery,
    answers: { 200: { description: 'changes, and where to continue', schema: feed } },
    problems: notLive,
  }).handle(async ({ c, params: { id }, query, workspace }) => {
    await liveAudience(definitions, workspace, id);
    const from = decodeCursor(query.cursor, z.int().min(0)) ?? 0;
    const rows = await readFeed(database.for(c.req.raw.signal), { workspace, id, from, limit: query.limit });
    const next = (rows.at(-1)?.offset ?? from - 1) + 1;
    return { status: 200, body: { items: rows.map(show), next_cursor: encodeCursor(next) } };
  });

  addRoute(app, {
    ...common,
    method: 'get',
    path: '/v1/audiences/{id}/changes/summary',
    summary: 'How many people entered and left a live audience',
    description: `Buckets from "from" in equal steps, empty ones too; the last one ends at "to". At most ${BUCKETS_MAX}.`,
    query: summaryQuery,
    answers: { 200: { description: 'the buckets', schema: z.strictObject({ buckets: z.array(bucket) }) } },
    problems: notLive,
  }).handle(async ({ c, params: { id }, query, workspace }) => {
    const saved = await liveAudience(definitions, workspace, id);
    const zone = await zoneOf(definitions, workspace);
    const boundsMs = boundsOf(query, zone);
    const source = database.for(c.req.raw.signal);
    const counts = await readBuckets(source, { workspace, id, boundsMs });
    // No change is kept: as many as there are now.
    const isUnknown = counts.some(({ size }) => size === null);
    const sizes = isUnknown ? await deps.sizes.read(workspace, [saved.id], c.req.raw.signal) : undefined;
    const now = sizes?.get(saved.id)?.count ?? 0;
    const buckets = counts.map(({ entered, left, size }, i) => ({
      from: showInstant(boundsMs[i]!),
      entered,
      left,
      size: size ?? now,
    }));
    return { status: 200, body: { buckets } };
  });
};
