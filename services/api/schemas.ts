import { z } from '@hono/zod-openapi';
import { isSupportedCountry } from 'libphonenumber-js/min';
import type { Meta } from '../../lib/definitions/index.ts';
import { inYears, isTimeZone, readInstant, showInstant, UNITS } from '../../lib/time/index.ts';

/** Schemas that several routes share. */

/** In answers. */
export const instant = z.string().openapi({ format: 'date-time', example: '2026-03-17T12:00:00.000Z' });

/** In requests: an RFC 3339 instant, floored to milliseconds. */
export const givenInstant = z
  .string()
  .refine((text) => {
    const at = readInstant(text);
    return at !== null && inYears(at);
  }, 'must be an RFC 3339 instant between 1970 and 2200')
  .openapi({ format: 'date-time' });

/** A time in a cursor, Unix ms. Clients may make up cursors: the time must be one that can be shown and compared. */
export const cursorTime = z.int().refine(inYears);

export const timeZone = z
  .string()
  .max(100)
  .refine(isTimeZone, 'must be an IANA time zone, such as America/Los_Angeles')
  .openapi({ example: 'America/Los_Angeles' });

export const country = z
  .string()
  .refine((text) => /^[A-Z]{2}$/.test(text) && isSupportedCountry(text), 'must be an ISO 3166 alpha-2 country code')
  .openapi({ example: 'US' });

/** In requests: a step of time, such as `{"amount": 1, "unit": "days"}`. */
export const givenStep = z
  .strictObject({ amount: z.int().min(1).max(100_000), unit: z.enum(UNITS) })
  .openapi('Step', { example: { amount: 1, unit: 'days' } });

export const wholeNumber = (min: number, max: number) => z.int().min(min).max(max);

/** An id in a path; any text, because ids of carts are Jane's. */
export const idParams = z.strictObject({ id: z.string().min(1).max(1000) });

/** Fields of every definition besides its own. */
export const metaSchema = {
  version: z.int().describe('for If-Match'),
  created_at: instant,
  updated_at: instant,
};

export const showMeta = (meta: Meta) => ({
  version: meta.version,
  created_at: showInstant(meta.createdAt),
  updated_at: showInstant(meta.updatedAt),
});
