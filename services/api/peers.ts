import { z } from 'zod';
import type { Clock } from '../../lib/clock/index.ts';
import { askPeer } from '../../lib/freshness/index.ts';
import type { IngestActivity } from './activity.ts';

const activity = z.object({
  subscription_id: z.string(),
  last_received_at: z.number().nullable(),
  refused: z.record(z.string(), z.int()),
});

/** Webhooks by subscription, as counted by all processes of ingest. Rejects when ingest does not answer. */
export const activityOf = (url: string, adminKey: string, clock: Clock): Promise<IngestActivity[]> =>
  askPeer(
    { url: `${url}/activity`, schema: z.array(activity), headers: { authorization: `Bearer ${adminKey}` } },
    clock,
  );
