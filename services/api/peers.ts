import { z } from 'zod';
import { abortAfter, type Clock } from '../../lib/clock/index.ts';
import { STAGE_STATES, type StagePosition } from '../../lib/telemetry/index.ts';
import type { IngestActivity } from './activity.ts';

/** HTTP requests to the other processes of the installation. */

const TIMEOUT_MS = 1_000;

const position = z.object({
  stage: z.string(),
  topic: z.string(),
  partition: z.int(),
  position: z.int().nullable(),
  end: z.int().nullable(),
  logTimeMs: z.number().nullable(),
  earliestDueMs: z.number().nullable(),
  state: z.enum(STAGE_STATES),
});

const activity = z.object({
  subscription_id: z.string(),
  last_received_at: z.number().nullable(),
  refused: z.record(z.string(), z.int()),
});

interface Question<T> {
  url: string;
  schema: z.ZodType<T>;
  headers?: Record<string, string>;
}

const get = <T>({ url, schema, headers = {} }: Question<T>, clock: Clock): Promise<T> =>
  abortAfter(TIMEOUT_MS, clock, async (signal) => {
    const response = await fetch(url, { headers, signal });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return schema.parse(await response.json());
  });

/** Asks for the positions that a member of a stage reports. Rejects when it does not answer. */
export const positionsBy =
  (clock: Clock) =>
  (url: string): Promise<StagePosition[]> =>
    get({ url: `${url}/positions`, schema: z.array(position) }, clock);

/** Webhooks by subscription, as counted by all processes of ingest. Rejects when ingest does not answer. */
export const activityOf = (url: string, adminKey: string, clock: Clock): Promise<IngestActivity[]> =>
  get({ url: `${url}/activity`, schema: z.array(activity), headers: { authorization: `Bearer ${adminKey}` } }, clock);
