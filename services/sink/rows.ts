import {
  cartRows,
  linkReportRows,
  personAliasRows,
  personCartRows,
  personTraitEventRows,
  personRows,
  deadLetterRows,
  traitEventRows,
  type CartRow,
  type DeadLetterRow,
  type LinkReportRow,
  type PersonAliasRow,
  type PersonRow,
  type TraitEventRow,
} from '../../lib/clickhouse/schema.ts';
import { ERASED_LETTER } from '../../lib/clickhouse/tables.ts';
import type { LogVersion } from '../../lib/clickhouse/version.ts';
import type {
  Cart,
  Consent,
  DeadLetter,
  LinkReport,
  Merge,
  Outcome,
  Person,
  ProfileIdentifier,
  TraitEvent,
} from '../../schemas/types.ts';
import type { Rows } from './block.ts';
import { addErasure } from './erased-rows.ts';
import { NO_CONTENT, NO_PROFILE } from './no-content.ts';
import { personId, UnusableRecordError } from './person-id.ts';

/** The row of a trait event after this outcome. */
export const traitEventRow = (workspace: string, event: TraitEvent, version: LogVersion): TraitEventRow => ({
  workspace,
  trait: event.trait,
  status: event.status,
  occurred_at: event.occurred_at,
  cart_id: event.cart_id,
  event_id: event.event_id,
  person_id: personId(event.person_id),
  store_id: event.store_id,
  mode: event.mode,
  amount: event.amount,
  products: event.products ?? [],
  source: event.source,
  previous_status: event.previous_status,
  reentered: event.reentered,
  anomaly: event.anomaly,
  detected_at: event.detected_at,
  retracted_at: event.retracted_at,
  recovered_at: event.recovered_at,
  beyond_horizon: event.beyond_horizon,
  replaces: event.replaces,
  last_activity_at: event.last_activity_at,
  version,
});

export const cartRow = (workspace: string, cart: Cart, version: LogVersion): CartRow => ({
  workspace,
  cart_id: cart.cart_id,
  person_id: personId(cart.person_id),
  status: cart.status,
  status_since: cart.status_since,
  store_id: cart.store_id,
  mode: cart.mode,
  amount: cart.amount,
  created_at: cart.created_at,
  last_activity_at: cart.last_activity_at,
  due_at: cart.due_at,
  abandoned_at: cart.abandoned_at,
  recovered_at: cart.recovered_at,
  reservation_start_at: cart.reservation_start_at,
  store_name: cart.store_name,
  products: cart.products ?? [],
  last_event_at: cart.last_event_at,
  first_status_at: cart.first_status_at,
  statuses: cart.statuses,
  version,
});

/** The consent of several phones: opted in if one of them is (then SMS may be sent), else opted out if one is. */
export function smsConsentOf(phones: readonly Pick<ProfileIdentifier, 'consent'>[]): Consent | null {
  if (phones.some((phone) => phone.consent === 'opted_in')) return 'opted_in';
  return phones.some((phone) => phone.consent === 'opted_out') ? 'opted_out' : null;
}

/** The consent of several addresses: opted out only if all of them are (then none may be written to). */
export function emailConsentOf(emails: readonly Pick<ProfileIdentifier, 'consent'>[]): Consent | null {
  if (emails.some((email) => email.consent === 'opted_in')) return 'opted_in';
  return emails.length > 0 && emails.every((email) => email.consent === 'opted_out') ? 'opted_out' : null;
}

/** The row of a profile. An anonymous person is never reachable. */
export function personRow(workspace: string, person: Person, version: LogVersion): PersonRow {
  const of = (kind: ProfileIdentifier['kind']): ProfileIdentifier[] =>
    person.identifiers.filter((identifier) => identifier.kind === kind);
  const phones = of('phone');
  const emails = of('email');
  // The profile does not show all identifiers, but it has the consents of all.
  const consents = (kind: ProfileIdentifier['kind']): { consent: Consent | null }[] => [
    ...of(kind),
    ...person.more_identifiers.filter((more) => more.kind === kind),
  ];
  const known = !person.anonymous;
  return {
    workspace,
    person_id: personId(person.person_id),
    anonymous: person.anonymous,
    name: person.name,
    time_zone: person.time_zone,
    first_at: person.first_at,
    last_at: person.last_at,
    phones: phones.map(valueOf),
    phone_consents: phones.map(consentOf),
    emails: emails.map(valueOf),
    email_consents: emails.map(consentOf),
    user_ids: of('user_id').map(valueOf),
    externals: of('external').map(valueOf),
    reachable_sms: known && consents('phone').some((phone) => phone.consent === 'opted_in'),
    reachable_email: known && consents('email').some((email) => email.consent !== 'opted_out'),
    sms_consent: smsConsentOf(consents('phone')),
    email_consent: emailConsentOf(consents('email')),
    merged_into: 0,
    version,
  };
}

const valueOf = (identifier: ProfileIdentifier): string => identifier.value;
const consentOf = (identifier: ProfileIdentifier): string => identifier.consent ?? '';

export const personAliasRow = (workspace: string, merge: Merge, version: LogVersion): PersonAliasRow => ({
  workspace,
  loser: personId(merge.loser),
  winner: personId(merge.winner),
  merged_at: version.logTimeMs,
  version,
});

/** The row of the loser of a merge: its profile now belongs to the winner. */
export const mergedPersonRow = (workspace: string, { loser, winner }: Merge, version: LogVersion): PersonRow => ({
  workspace,
  person_id: personId(loser),
  ...NO_PROFILE,
  merged_into: personId(winner),
  version,
});

/** The row of an identifier in the link report. */
export const linkReportRow = (workspace: string, report: LinkReport, version: LogVersion): LinkReportRow => ({
  workspace,
  identifier_id: report.identifier_id,
  kind: report.kind,
  value: report.value,
  seen_with_user_id: report.seen_with.user_id,
  seen_with_external: report.seen_with.external,
  seen_with_phone: report.seen_with.phone,
  seen_with_email: report.seen_with.email,
  link_limit: report.limit,
  junk: report.junk,
  reason: report.reason,
  allowed: report.allowed,
  version,
  is_deleted: report.removed ? 1 : 0,
});

/**
 * Adds the rows of one outcome. A merge of a person with itself ends an earlier merge (parting): its alias changes
 * nothing, and the profile comes with another outcome. A dissolved person has no rows that an alias could apply to: only
 * its own row says whom it belongs to. Throws UnusableRecordError.
 */
export function addOutcome(rows: Rows, outcome: Outcome, offset: number): void {
  const { workspace, kind } = outcome;
  const version = { logTimeMs: outcome.log_time, inputOffset: outcome.input_offset, outputOffset: offset };
  if (kind === 'trait' && outcome.trait) {
    if (outcome.trait.moved_from !== null) rows.writePeopleFirst();
    addTraitEvent(rows, traitEventRow(workspace, outcome.trait, version), outcome.trait.moved_from);
  } else if (kind === 'cart' && outcome.cart) {
    if (outcome.cart.moved_from !== null) rows.writePeopleFirst();
    addCart(rows, cartRow(workspace, outcome.cart, version), outcome.cart.moved_from);
  } else if (kind === 'person' && outcome.person) {
    rows.add(personRows, personRow(workspace, outcome.person, version));
  } else if (kind === 'merge' && outcome.merge) {
    rows.writePeopleFirst();
    if (!outcome.merge.dissolved) rows.add(personAliasRows, personAliasRow(workspace, outcome.merge, version));
    if (outcome.merge.loser !== outcome.merge.winner) {
      rows.add(personRows, mergedPersonRow(workspace, outcome.merge, version));
    }
  } else if (kind === 'erasure' && outcome.erasure) {
    addErasure(rows, workspace, outcome.erasure, version);
  } else if (kind === 'link_report' && outcome.link_report) {
    addLinkReport(rows, workspace, outcome.link_report, version);
  } else {
    throw new UnusableRecordError(`an outcome of kind ${kind} has no field ${kind}`);
  }
}

/** The row, its copy by person, and the mark that a former person has it no longer. */
function addTraitEvent(rows: Rows, row: TraitEventRow, movedFrom: number | null): void {
  rows.addByMonth(traitEventRows, row, row.occurred_at);
  rows.add(personTraitEventRows, { ...row, is_deleted: 0 });
  if (movedFrom === null) return;
  rows.add(personTraitEventRows, { ...row, ...NO_CONTENT, person_id: personId(movedFrom), is_deleted: 1 });
}

function addCart(rows: Rows, row: CartRow, movedFrom: number | null): void {
  const { workspace, cart_id, version } = row;
  rows.add(cartRows, row);
  rows.add(personCartRows, { workspace, person_id: row.person_id, cart_id, version, is_deleted: 0 });
  if (movedFrom === null) return;
  rows.add(personCartRows, { workspace, person_id: personId(movedFrom), cart_id, version, is_deleted: 1 });
}

/** An identifier leaves the report when it is erased, among other reasons: then no part may keep it. */
function addLinkReport(rows: Rows, workspace: string, report: LinkReport, version: LogVersion): void {
  rows.add(linkReportRows, linkReportRow(workspace, report, version));
  if (report.removed) rows.erase(workspace, version, { carts: [], people: [], identifiers: [report.identifier_id] });
}

export const deadLetterRow = (letter: DeadLetter, offset: number): DeadLetterRow => ({
  workspace: letter.workspace,
  received_at: letter.received_at,
  dead_letter_id: letter.dead_letter_id,
  source: letter.source,
  subscription_id: letter.subscription_id,
  reason: letter.reason,
  message: letter.message,
  line: letter.line,
  request_at: letter.request_at,
  body: letter.body,
  body_truncated: letter.body_truncated,
  // A dead letter never changes, but another one may erase it, in any order of insertion.
  version: {
    logTimeMs: letter.received_at,
    inputOffset: letter.reason === ERASED_LETTER ? 1 : 0,
    outputOffset: offset,
  },
});

export function addDeadLetter(rows: Rows, letter: DeadLetter, offset: number): void {
  rows.add(deadLetterRows, deadLetterRow(letter, offset));
}
