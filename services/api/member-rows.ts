import { compileMembers, ONE_SNAPSHOT, type Audience, type CompiledAudience } from '../../lib/audiences/index.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { LAST_AT, lastEvents } from './last-at.ts';

/** The audience whose members are requested, and the time of the evaluation. */
export interface Membership {
  audience: Audience;
  workspace: string;
  /** The workspace's zone. */
  zone: string;
  nowMs: number;
  includeAnonymous: boolean;
}

export interface MemberRow {
  person_id: string;
  name: string | null;
  phone: string | null;
  email: string | null;
  sms_consent: 'opted_in' | 'opted_out' | null;
  email_consent: 'opted_in' | 'opted_out' | null;
}

const PERSON_ID_MAX = 2 ** 32 - 1;

/** The first phone and address of a profile, and their own consents. */
const CONTACTS = {
  phone: `nullIf(phones[1], '')`,
  email: `nullIf(emails[1], '')`,
  sms_consent: `nullIf(phone_consents[1], '')`,
  email_consent: `nullIf(email_consents[1], '')`,
};

/**
 * A query for up to `limit` members with ids above `afterId`, in order of their ids. The page is named before people, so
 * that the tables are read in the order that `compile` relies on.
 */
export function membersQuery(membership: Membership, page: { afterId: number; limit: number }): CompiledAudience {
  const { definitions, params } = compileMembers(membership.audience, { ...membership, tables: TABLES });
  const { phone, email, sms_consent, email_consent } = CONTACTS;
  const query = `WITH
${definitions},
bitmapSubsetLimit(result, {first_id:UInt32}, {page_size:UInt32}) AS page,
tuple(page, (
  SELECT arraySort(groupArray((person_id, name, ${phone}, ${email}, ${sms_consent}, ${email_consent})))
  FROM ${TABLES.people} FINAL
  WHERE workspace = {workspace:String} AND person_id IN (SELECT arrayJoin(bitmapToArray(page)))
)).2 AS people_of_page,
arrayJoin(people_of_page) AS person
SELECT toString(person.1) AS person_id, person.2 AS name, person.3 AS phone, person.4 AS email,
  person.5 AS sms_consent, person.6 AS email_consent
SETTINGS ${ONE_SNAPSHOT}`;
  const first_id = Math.min(page.afterId + 1, PERSON_ID_MAX);
  return { query, params: { ...params, first_id, page_size: page.afterId >= PERSON_ID_MAX ? 0 : page.limit } };
}

/** The columns of an export, in their order. */
export const EXPORT_COLUMNS = [
  'person_id',
  'name',
  'phone',
  'email',
  'user_id',
  'sms_consent',
  'email_consent',
  'first_at',
  'last_at',
] as const;

/** A row of {@link exportQuery}: the number of all rows, then the columns. */
export type ExportRow = [total: number, person_id: string, ...values: (string | null)[]];

/**
 * A query for all members with the columns of an export. The result comes before people in FROM, so that the tables are
 * read in the order that `compile` relies on.
 */
export function exportQuery(membership: Membership): CompiledAudience {
  const { definitions, params } = compileMembers(membership.audience, { ...membership, tables: TABLES });
  const { phone, email, sms_consent, email_consent } = CONTACTS;
  const query = `WITH
${definitions}
SELECT evaluated.total, toString(person.person_id), name, ${phone}, ${email},
  nullIf(user_ids[1], ''), ${sms_consent}, ${email_consent}, first_at, ${LAST_AT}
FROM (SELECT bitmapCardinality(result) AS total) AS evaluated
CROSS JOIN (
  SELECT * FROM ${TABLES.people} FINAL
  WHERE workspace = {workspace:String} AND merged_into = 0 AND bitmapContains(result, person_id)
) AS person
LEFT JOIN ${lastEvents()} AS cart ON cart.person_id = person.person_id
SETTINGS ${ONE_SNAPSHOT}`;
  return { query, params };
}
