import { z } from 'zod';
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

async function get<T>(url: string, schema: z.ZodType<T>, headers: Record<string, string> = {}): Promise<T> {
  const response = await fetch(url, { headers, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return schema.parse(await response.json());
}

/** The positions that a member of a stage reports. Rejects when it does not answer. */
export const positionsOf = (url: string): Promise<StagePosition[]> => get(`${url}/positions`, z.array(position));

/** Webhooks by subscription, as counted by all processes of ingest. Rejects when ingest does not answer. */
export const activityOf = (url: string, adminKey: string): Promise<IngestActivity[]> =>
  get(`${url}/activity`, z.array(activity), { authorization: `Bearer ${adminKey}` });
