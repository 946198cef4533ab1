import { z } from '@hono/zod-openapi';
import { looksAtNow, type Audience } from '../../lib/audiences/index.ts';
import { invalid, type ProblemItem } from '../../lib/http/index.ts';
import { readInstant } from '../../lib/time/index.ts';
import { audienceSchema } from './audience-schema.ts';
import { givenInstant } from './schemas.ts';

/** What questions about an audience have alike. */

/** The size of a body with an audience: room for 200 conditions with long lists, and for a text whose characters are all escaped. */
export const QUESTION_MAX_BYTES = 256 * 1024;

/** How old `now` may be for conditions on the current state of carts. */
const PRESENT_MS = 5 * 60_000;

/** Members of a request. */
export const questionShape = {
  audience: audienceSchema,
  now: givenInstant.optional().describe('count as of this time; later events do not count'),
  known_at: givenInstant.optional().describe('count only trait events detected by this time and not retracted by then'),
  include_anonymous: z.boolean().default(false),
};

export interface Question {
  audience: Audience;
  now?: string | undefined;
  known_at?: string | undefined;
  include_anonymous: boolean;
}

/** How an audience is evaluated, except for the workspace's zone. */
export interface AskedAt {
  nowMs: number;
  knownAtMs?: number;
  includeAnonymous: boolean;
}

/** Throws 422 for a condition on the current state of carts if another time is asked about. */
export function askedAt(question: Question, clockMs: number): AskedAt {
  const nowMs = instantOf(question.now) ?? clockMs;
  const knownAtMs = instantOf(question.known_at);
  const errors: ProblemItem[] = [];
  if (looksAtNow(question.audience)) {
    const why = 'in_next and dwell use the present state of carts';
    if (knownAtMs !== undefined) errors.push({ path: '/known_at', message: why });
    if (nowMs < clockMs - PRESENT_MS)
      errors.push({ path: '/now', message: `${why}; "now" may be at most 5 minutes ago` });
  }
  if (errors.length > 0) throw invalid(errors);
  return { nowMs, includeAnonymous: question.include_anonymous, ...(knownAtMs === undefined ? {} : { knownAtMs }) };
}

const instantOf = (text: string | undefined): number | undefined =>
  text === undefined ? undefined : (readInstant(text) ?? undefined);
