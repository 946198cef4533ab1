import { z } from '@hono/zod-openapi';
import { TABLES } from '../../../lib/clickhouse/tables.ts';
import {
  addRoute,
  decodeCursor,
  HttpProblem,
  invalid,
  listOf,
  listQuery,
  pageOfRows,
} from '../../../lib/http/index.ts';
import { externalOf, externalValue, identifiersOf } from '../../../lib/people/identifiers.ts';
import type { Identifier } from '../../../schemas/types.ts';
import { readMemberships } from '../audience-feed.ts';
import type { Rows } from '../database.ts';
import type { Routes } from '../deps.ts';
import type { Erased } from '../eraser.ts';
import { lastAtOf } from '../last-at.ts';
import {
  CARTS_OF_PERSON,
  cartSchema,
  idsOfPerson,
  personId,
  RETRACTED_OF_PERSON,
  TRAIT_EVENTS_OF_PERSON,
  traitEventSchema,
  type CartRow,
  type RetractedRow,
  type TraitEventRow,
} from '../rows.ts';
import { idParams, instant } from '../schemas.ts';
import { readRuns } from '../flow-reports.ts';
import { runSchema, showRun } from './flow-runs.ts';

const consent = z.enum(['opted_in', 'opted_out']).nullable();
const contact = z.strictObject({ value: z.string(), consent });
const personShape = {
  person_id: personId,
  anonymous: z.boolean(),
  name: z.string().nullable(),
  time_zone: z.string().nullable(),
  first_at: instant,
  last_at: instant,
  identifiers: z.strictObject({
    user_ids: z.array(z.string()),
    external_ids: z.array(z.strictObject({ source: z.string(), id: z.string() })),
    phones: z.array(contact),
    emails: z.array(contact),
  }),
  consent: z.strictObject({ sms: consent, email: consent }),
  reachable: z.strictObject({ sms: z.boolean(), email: z.boolean() }),
};
const personSchema = z.strictObject(personShape).openapi('Person');
const retractedEvent = z
  .strictObject({
    ...traitEventSchema.shape,
    retracted_at: instant,
    replaced_by: z.string().nullable().describe('event_id of the trait event that took its place'),
  })
  .openapi('RetractedTraitEvent');
const wholePerson = z.strictObject({
  ...personShape,
  timeline: z.array(traitEventSchema).describe('newest first, at most 500'),
  retracted: z
    .array(retractedEvent)
    .describe('trait events that were retracted because of later input and count nowhere; newest first, at most 500'),
  carts: z.array(cartSchema).describe('newest first, at most 500'),
  audiences: z
    .array(z.strictObject({ id: z.string(), name: z.string(), entered_at: instant }))
    .describe('live audiences that the person is in, ordered by id'),
  merged: z
    .array(z.strictObject({ person_id: personId, merged_at: instant }))
    .describe('people who were merged into this one, latest first, at most 500'),
  flow_runs: z.array(runSchema).describe('newest first, at most 500'),
});

type ConsentColumn = 'opted_in' | 'opted_out' | '';

const consentOf = (value: ConsentColumn | undefined): z.output<typeof consent> => value || null;

interface PersonRow {
  person_id: string;
  anonymous: boolean;
  name: string | null;
  time_zone: string | null;
  first_at: string;
  /** What the profile says; a cart may have had a later event. */
  last_at: string;
  phones: string[];
  /** Empty strings where nothing is known, as in `email_consents`. */
  phone_consents: ConsentColumn[];
  emails: string[];
  email_consents: ConsentColumn[];
  user_ids: string[];
  externals: string[];
  reachable_sms: boolean;
  reachable_email: boolean;
  sms_consent: z.output<typeof consent>;
  email_consent: z.output<typeof consent>;
  merged_into: number;
}

const PERSON = `SELECT toString(person.person_id) AS person_id, anonymous, name, time_zone, first_at, last_at, phones,
  phone_consents, emails, email_consents, user_ids, externals, reachable_sms, reachable_email, sms_consent,
  email_consent, merged_into
FROM ${TABLES.people} AS person FINAL WHERE workspace = {workspace:String}`;

const LIST_MAX = 500;
const PERSON_ID = /^[1-9]\d{0,9}$/;

const show = (row: PersonRow, lastAt = row.last_at) => ({
  person_id: row.person_id,
  anonymous: row.anonymous,
  name: row.name,
  time_zone: row.time_zone,
  first_at: row.first_at,
  last_at: lastAt,
  identifiers: {
    user_ids: row.user_ids,
    external_ids: row.externals.map(externalOf),
    phones: row.phones.map((value, i) => ({ value, consent: consentOf(row.phone_consents[i]) })),
    emails: row.emails.map((value, i) => ({ value, consent: consentOf(row.email_consents[i]) })),
  },
  consent: { sms: row.sms_consent, email: row.email_consent },
  reachable: { sms: row.reachable_sms, email: row.reachable_email },
});

const text = z.string().max(1000).optional();
const lookup = z
  .strictObject({
    ...listQuery.shape,
    phone: text,
    email: text,
    user_id: text,
    external_user_id: text,
    external_user_source: text,
  })
  .superRefine((query, context) => {
    const named = [query.phone, query.email, query.user_id, query.external_user_id].filter((v) => v !== undefined);
    if (named.length !== 1) {
      const message = 'give exactly one of phone, email, user_id and external_user_id';
      context.addIssue({ code: 'custom', message });
    }
    if (query.external_user_source !== undefined && query.external_user_id === undefined) {
      const message = 'requires external_user_id';
      context.addIssue({ code: 'custom', path: ['external_user_source'], message });
    }
  });

/** The column of an identifier and its normalised value; throws 422 for a value that is not an identifier. */
function columnOf(query: z.output<typeof lookup>, defaultCountry: string): { column: string; value: string } {
  const read = identifiersOf(
    {
      // An unencoded plus arrives as a space.
      phone: query.phone?.replace(/^ (?=\d)/, '+'),
      email: query.email,
      user_id: query.user_id,
      external_id: query.external_user_id,
      external_source: query.external_user_source,
    },
    defaultCountry,
  );
  if (read.phone !== null) return { column: 'phones', value: read.phone };
  if (read.email !== null) return { column: 'emails', value: read.email };
  if (read.user_id !== null) return { column: 'user_ids', value: read.user_id };
  if (read.external_id !== null) {
    return { column: 'externals', value: externalValue(read.external_source ?? '', read.external_id) };
  }
  const given = (['phone', 'email', 'user_id', 'external_user_id'] as const).find((key) => query[key] !== undefined);
  throw invalid([{ path: `/${given ?? ''}`, message: 'is not a valid identifier' }]);
}

async function findPerson(database: Rows, workspace: string, id: string): Promise<PersonRow> {
  let wantedId = PERSON_ID.test(id) ? Number(id) : 0;
  // The id of a merged person leads to the remaining one; several steps only while merges are being written.
  for (let steps = 0; wantedId > 0 && wantedId < 2 ** 32 && steps < 5; steps += 1) {
    const [row] = await database.rows<PersonRow>(`${PERSON} AND person.person_id = {id:UInt32}`, {
      workspace,
      id: wantedId,
    });
    if (row?.merged_into === 0) return row;
    wantedId = row?.merged_into ?? 0;
  }
  throw new HttpProblem(404, 'no such person');
}

/** Who was merged into a person, latest first. */
const mergedInto = (
  database: Rows,
  workspace: string,
  id: number,
): Promise<{ person_id: string; merged_at: string }[]> =>
  database.rows(
    `SELECT toString(loser) AS person_id, merged_at FROM ${TABLES.personAliases} FINAL
    WHERE workspace = {workspace:String} AND winner = {id:UInt32} AND loser != winner
    ORDER BY merged_at DESC, loser LIMIT ${LIST_MAX}`,
    { workspace, id },
  );

/** What ClickHouse has stored about a person, under all ids that were merged. */
async function erasedOf(database: Rows, workspace: string, row: PersonRow): Promise<Erased> {
  const ids = await idsOfPerson(database, workspace, Number(row.person_id));
  const carts = await database.rows<{ cart_id: string }>(
    `SELECT cart_id FROM ${TABLES.carts} AS cart FINAL
    WHERE workspace = {workspace:String} AND cart.person_id IN {ids:Array(UInt32)} ORDER BY cart_id`,
    { workspace, ids },
  );
  const named = (kind: Identifier['kind'], values: string[]): Identifier[] => values.map((value) => ({ kind, value }));
  return {
    identifiers: [
      ...named('user_id', row.user_ids),
      ...named('external', row.externals),
      ...named('phone', row.phones),
      ...named('email', row.emails),
    ],
    carts: carts.map(({ cart_id }) => cart_id),
  };
}

const erasePerson: Routes = (app, deps) => {
  addRoute(app, {
    method: 'delete',
    path: '/v1/people/{id}',
    summary: 'Erase a person',
    description:
      'Deletes the profile, identifiers, carts, trait events and dead letters of a person; past counts no longer include ' +
      'them. Answers when everything is deleted. Input that was received earlier never brings the person back; a later ' +
      'delivery creates a new person. With the id of a person who was merged into another one, the remaining person ' +
      'is erased.',
    tag: 'people',
    access: 'write',
    params: idParams,
    answers: { 204: { description: 'erased' } },
    problems: {
      503: 'a stage is behind or stopped; the erasure may already have been recorded, and the request can be repeated',
    },
  }).handle(async ({ params, workspace }) => {
    // Not cancelled when the client disconnects: an erasure that has begun is completed.
    const row = await findPerson(deps.database, workspace, params.id);
    await deps.eraser.erase(workspace, await erasedOf(deps.database, workspace, row));
    return { status: 204 };
  });
};

const readPeople: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/people',
    summary: 'Find people by an identifier',
    description: 'Phone numbers and email addresses are normalised as in carts: "(808) 555-0143" finds +18085550143.',
    tag: 'people',
    access: 'read',
    query: lookup,
    answers: {
      200: {
        description: 'a page of people with the identifier, ordered by id; usually none or one',
        schema: listOf(personSchema),
      },
    },
  }).handle(async ({ c, query, workspace }) => {
    const database = deps.database.for(c.req.raw.signal);
    const country = (await deps.definitions.findWorkspace(workspace))?.default_country ?? 'US';
    const { column, value } = columnOf(query, country);
    const after = decodeCursor(query.cursor, z.string().regex(PERSON_ID)) ?? '0';
    const rows = await database.rows<PersonRow>(
      `${PERSON} AND merged_into = 0 AND has(${column}, {value:String}) AND person.person_id > {after:UInt64}
        ORDER BY person.person_id LIMIT {limit:UInt32}`,
      { workspace, value, after, limit: query.limit + 1 },
    );
    const { items: page, next_cursor } = pageOfRows(rows, query.limit, ({ person_id }) => person_id);
    const lastAt = await lastAtOf(
      database,
      workspace,
      page.map(({ person_id }) => Number(person_id)),
    );
    const items = page.map((row) => show(row, lastAt.get(row.person_id)));
    return { status: 200, body: { items, next_cursor } };
  });
};

const readPerson: Routes = (app, deps) => {
  addRoute(app, {
    method: 'get',
    path: '/v1/people/{id}',
    summary: 'One person: identifiers, consent, timeline, carts, audiences, merges',
    description: 'The id of a person who was merged into another returns the remaining person.',
    tag: 'people',
    access: 'read',
    params: idParams,
    answers: { 200: { description: 'the person', schema: wholePerson } },
  }).handle(async ({ c, params, workspace }) => {
    const database = deps.database.for(c.req.raw.signal);
    const row = await findPerson(database, workspace, params.id);
    const ids = await idsOfPerson(database, workspace, Number(row.person_id));
    const of = { workspace, ids, id: Number(row.person_id) };
    const [timeline, retracted, carts, lastAt, memberships, merged, runs] = await Promise.all([
      database.rows<TraitEventRow>(
        `${TRAIT_EVENTS_OF_PERSON} ORDER BY occurred_at DESC, event_id LIMIT ${LIST_MAX}`,
        of,
      ),
      database.rows<RetractedRow>(`${RETRACTED_OF_PERSON} LIMIT ${LIST_MAX}`, of),
      database.rows<CartRow>(
        `${CARTS_OF_PERSON} ORDER BY coalesce(status_since, last_activity_at, created_at) DESC, cart_id LIMIT ${LIST_MAX}`,
        of,
      ),
      lastAtOf(database, workspace, [of.id]),
      readMemberships(database, workspace, of.id),
      mergedInto(database, workspace, of.id),
      readRuns(database, { workspace, person: of, limit: LIST_MAX }),
    ]);
    const audiences = memberships.flatMap(({ id, entered_at }) => {
      const saved = deps.definitions.get('audience', id);
      return saved?.live === true ? [{ id, name: saved.name, entered_at }] : [];
    });
    const person = show(row, lastAt.get(row.person_id));
    return {
      status: 200,
      body: { ...person, timeline, retracted, carts, audiences, merged, flow_runs: runs.map(showRun) },
    };
  });
};

export const peopleRoutes: Routes = (app, deps) => {
  for (const add of [readPeople, readPerson, erasePerson]) add(app, deps);
};
