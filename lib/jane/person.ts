import type { Consent, PersonInput } from '../../schemas/types.ts';
import { identifierList, identifiersOf } from '../people/identifiers.ts';
import { Fields } from './fields.ts';
import { parseLineObject, readOccurredAt } from './line.ts';
import { isTimeZone } from '../time/index.ts';
import type { LineContext } from './settings.ts';
import { Unusable } from './unusable.ts';

const FIELDS = new Set([
  'occurred_at',
  'phone',
  'email',
  'user_id',
  'external_user_id',
  'external_user_source',
  'name',
  'time_zone',
  'consent',
]);
const CONSENT_FIELDS = new Set(['sms', 'email']);

/** Interprets one line of `/v1/people`, without its line break (semantics §4). No bytes make it throw. */
export function parsePersonLine(line: Uint8Array, context: LineContext): PersonInput | Unusable {
  const object = parseLineObject(line);
  if (object instanceof Unusable) return object;
  const fields = new Fields(object, '');
  fields.only(FIELDS);
  const time = readOccurredAt(fields, context.receivedAtMs);
  const read = identifiersOf(
    {
      user_id: fields.identifier('user_id'),
      external_id: fields.identifier('external_user_id'),
      external_source: fields.identifier('external_user_source'),
      phone: fields.raw('phone'),
      email: fields.raw('email'),
    },
    context.settings.defaultCountry,
  );
  const timeZone = fields.readableText('time_zone');
  const consent = readConsent(fields);
  const identifiers = identifierList(read);
  if (fields.problem === null && identifiers.length === 0)
    return new Unusable(
      'no_identifier',
      '',
      'No identifier can be read: send phone (with its country code), email, user_id or external_user_id.',
    );
  if (fields.problem !== null || time === null) return fields.problem!;
  return {
    kind: 'record',
    workspace: context.workspace,
    log_time: null,
    received_at: context.receivedAtMs,
    cart: null,
    record: {
      occurred_at: time.at,
      identifiers,
      name: fields.label('name'),
      // A zone only describes a person: an unknown one is treated as absent.
      time_zone: timeZone !== null && isTimeZone(timeZone) ? timeZone : null,
      sms_consent: consent.sms,
      email_consent: consent.email,
    },
    erasure: null,
    link_rules: null,
    command: null,
    settings: null,
    code_pool: null,
  };
}

function readConsent(fields: Fields): { sms: Consent | null; email: Consent | null } {
  const object = fields.child('consent');
  if (object === null) return { sms: null, email: null };
  const consent = new Fields(object, '/consent');
  consent.only(CONSENT_FIELDS);
  const read = { sms: consentOf(consent, 'sms'), email: consentOf(consent, 'email') };
  fields.problem ??= consent.problem;
  return read;
}

function consentOf(fields: Fields, key: string): Consent | null {
  const value = fields.raw(key);
  if (value === undefined) return null;
  return value === 'opted_in' || value === 'opted_out'
    ? value
    : fields.refuse(key, 'wrong_value', 'must be "opted_in" or "opted_out".');
}
