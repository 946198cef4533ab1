import { z } from 'zod';
import { abortAfter, type Clock } from '../clock/index.ts';
import {
  FAILING_PARTS,
  STAGE_STATES,
  STOP_REASONS,
  targetQuery,
  type StagePosition,
  type Target,
} from '../telemetry/index.ts';

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
  stopReason: z.enum(STOP_REASONS).exactOptional(),
  stopDetail: z.string().exactOptional(),
  failingOffset: z.int().exactOptional(),
  failingPart: z.enum(FAILING_PARTS).exactOptional(),
});

export interface Question<T> {
  url: string;
  schema: z.ZodType<T>;
  headers?: Record<string, string>;
}

/** The answer of a process. Rejects when it does not answer in time, or with something else. */
export const askPeer = <T>(
  { url, schema, headers = {} }: Question<T>,
  clock: Clock,
  timeoutMs = TIMEOUT_MS,
): Promise<T> =>
  abortAfter(timeoutMs, clock, async (signal) => {
    const response = await fetch(url, { headers, signal });
    if (!response.ok) throw new Error(`${url} answered ${response.status}`);
    return schema.parse(await response.json());
  });

/** Asks for the positions that a member of a stage reports: see WatcherOptions.positionsOf. */
export const positionsBy =
  (clock: Clock, timeoutMs = TIMEOUT_MS) =>
  (url: string, target?: Target): Promise<StagePosition[]> => {
    const query = target === undefined ? '' : `?${targetQuery(target)}`;
    return askPeer({ url: `${url}/positions${query}`, schema: z.array(position) }, clock, timeoutMs);
  };
