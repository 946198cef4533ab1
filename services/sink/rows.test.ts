import { describe, expect, it } from 'vitest';
import type { RowEncoder } from '../../lib/clickhouse/rowbinary.ts';
import type { Outcome, Person, ProfileIdentifier, TraitEvent } from '../../schemas/types.ts';
import type { LogVersion } from '../../lib/clickhouse/version.ts';
import type { Rows } from './block.ts';
import type { ErasedKeys } from './erasure.ts';
import { UnusableRecordError } from './person-id.ts';
import { addOutcome, emailConsentOf, personRow, smsConsentOf } from './rows.ts';
import { cart } from './testing.ts';

type Erased = [workspace: string, version: LogVersion, keys: ErasedKeys];

function collect(): Rows & { rows: [string, Record<string, unknown>][]; isPeopleFirst: boolean; erased: Erased[] } {
  const rows: [string, Record<string, unknown>][] = [];
  const erased: Erased[] = [];
  const add = <Row>(encoder: RowEncoder<Row>, row: Row): void => {
    rows.push([encoder.table, row as Record<string, unknown>]);
  };
  return {
    ...{ rows, add, addByMonth: add, isPeopleFirst: false, erased },
    erase: (...all) => void erased.push(all),
    writePeopleFirst() {
      this.isPeopleFirst = true;
    },
  };
}

const outcome = (said: Partial<Outcome>): Outcome => ({
  kind: 'trait',
  workspace: 'w',
  log_time: 1000,
  input_offset: 7,
  trait: null,
  cart: null,
  person: null,
  merge: null,
  erasure: null,
  link_report: null,
  ...said,
});

const event: TraitEvent = {
  event_id: 'e'.repeat(32),
  op: 'asserted',
  person_id: 3,
  cart_id: 'c',
  trait: 'cart_status_updated',
  status: 'finished',
  occurred_at: 900,
  detected_at: 1000,
  retracted_at: null,
  recovered_at: null,
  source: null,
  previous_status: null,
  reentered: false,
  anomaly: null,
  store_id: null,
  mode: null,
  amount: null,
  products: null,
  beyond_horizon: false,
  replaces: null,
  last_activity_at: null,
  cart_phone: null,
  cart_email: null,
  moved_from: null,
};

const version = { logTimeMs: 1000, inputOffset: 7, outputOffset: 99 };

describe('addOutcome', () => {
  it('makes a trait event one row under its key and version', () => {
    const into = collect();
    addOutcome(into, outcome({ trait: event }), 99);
    expect(into.rows).toEqual([
      [
        'trait_events',
        expect.objectContaining({ workspace: 'w', occurred_at: 900, person_id: 3, products: [], version }),
      ],
      ['trait_events_by_person', expect.objectContaining({ person_id: 3, cart_id: 'c', is_deleted: 0, version })],
    ]);
  });

  it('marks the row of a former person as deleted when a trait event or a cart has moved', () => {
    const into = collect();
    addOutcome(into, outcome({ trait: { ...event, amount: 5, moved_from: 8 } }), 99);
    addOutcome(into, outcome({ kind: 'cart', cart: cart('c', { person_id: 3, moved_from: 8 }) }), 99);
    const by = (table: string): unknown[] => into.rows.flatMap(([name, row]) => (name === table ? [row] : []));
    expect(by('trait_events_by_person')).toEqual([
      expect.objectContaining({ person_id: 3, amount: 5, is_deleted: 0, version }),
      expect.objectContaining({ person_id: 8, cart_id: 'c', occurred_at: 900, amount: null, is_deleted: 1, version }),
    ]);
    expect(by('person_carts')).toEqual([
      { workspace: 'w', person_id: 3, cart_id: 'c', is_deleted: 0, version },
      { workspace: 'w', person_id: 8, cart_id: 'c', is_deleted: 1, version },
    ]);
    expect(by('trait_events')).toHaveLength(1);
    expect(by('carts')).toHaveLength(1);
  });

  it('makes a merge an alias, and takes the loser out of the people', () => {
    const into = collect();
    addOutcome(into, outcome({ kind: 'merge', merge: { loser: 5, winner: 2, dissolved: false } }), 99);
    expect(into.rows).toEqual([
      ['person_aliases', { workspace: 'w', loser: 5, winner: 2, merged_at: 1000, version }],
      ['people', expect.objectContaining({ person_id: 5, merged_into: 2, reachable_sms: false, version })],
    ]);
  });

  it('makes a dissolved person no alias, but a row that names the winner', () => {
    const into = collect();
    addOutcome(into, outcome({ kind: 'merge', merge: { loser: 5, winner: 2, dissolved: true } }), 99);
    expect(into.rows).toEqual([['people', expect.objectContaining({ person_id: 5, merged_into: 2, version })]]);
  });

  it('leaves the profile alone when somebody is parted from themselves', () => {
    const into = collect();
    addOutcome(into, outcome({ kind: 'merge', merge: { loser: 5, winner: 5, dissolved: false } }), 99);
    expect(into.rows.map(([table]) => table)).toEqual(['person_aliases']);
  });

  it('asks for people first where ids come to belong to others, and not otherwise', () => {
    const isPeopleFirst = (member: Partial<Outcome>): boolean => {
      const into = collect();
      addOutcome(into, outcome(member), 99);
      return into.isPeopleFirst;
    };
    expect(isPeopleFirst({ trait: event })).toBe(false);
    expect(isPeopleFirst({ trait: { ...event, moved_from: 2 } })).toBe(true);
    expect(isPeopleFirst({ kind: 'merge', merge: { loser: 5, winner: 2, dissolved: true } })).toBe(true);
    expect(isPeopleFirst({ kind: 'merge', merge: { loser: 5, winner: 2, dissolved: false } })).toBe(true);
  });

  it('puts rows without content in the place of what is erased, people first, and has older versions deleted', () => {
    const into = collect();
    const erased = {
      event_id: 'e',
      person_id: 5,
      cart_id: 'c',
      trait: event.trait,
      status: 'finished',
      occurred_at: 900,
    };
    const erasure = {
      person_id: 3,
      former_ids: [5],
      carts: [{ cart_id: 'c', person_id: 5 }],
      trait_events: [erased, { ...erased, event_id: 'f', cart_id: 'd', person_id: 3 }],
    };
    addOutcome(into, outcome({ kind: 'erasure', erasure }), 99);
    expect(into.isPeopleFirst).toBe(true);
    const by = (table: string): unknown[] => into.rows.flatMap(([name, row]) => (name === table ? [row] : []));
    expect(by('people')).toMatchObject([
      { person_id: 3, merged_into: 3, phones: [], emails: [], name: null, version },
      { person_id: 5, merged_into: 5, version },
    ]);
    expect(by('person_aliases')).toEqual([{ workspace: 'w', loser: 5, winner: 5, merged_at: 1000, version }]);
    expect(by('carts')).toMatchObject([{ cart_id: 'c', person_id: 0, status: null, products: [], version }]);
    expect(by('person_carts')).toEqual([{ workspace: 'w', person_id: 5, cart_id: 'c', is_deleted: 1, version }]);
    const gone = { detected_at: 1000, retracted_at: 1000, products: [], amount: null };
    expect(by('trait_events')).toMatchObject([
      { event_id: 'e', cart_id: 'c', occurred_at: 900, person_id: 0, ...gone },
      { event_id: 'f', cart_id: 'd', person_id: 0, ...gone },
    ]);
    expect(by('trait_events_by_person')).toMatchObject([
      { event_id: 'e', person_id: 5, is_deleted: 1, ...gone },
      { event_id: 'f', person_id: 3, is_deleted: 1, ...gone },
    ]);
    expect(into.erased).toEqual([['w', version, { carts: ['c', 'c', 'd'], people: [3, 5], identifiers: [] }]]);
  });

  it('keeps the link report, and has an identifier deleted that is no longer in it', () => {
    const into = collect();
    const report = {
      ...{ identifier_id: 'i', kind: 'phone' as const, value: '+1', limit: 25, junk: true, reason: 'limit' as const },
      ...{ seen_with: { user_id: 0, external: 1, phone: 0, email: 26 }, allowed: false, removed: false },
    };
    addOutcome(into, outcome({ kind: 'link_report', link_report: report }), 98);
    expect(into.erased).toEqual([]);
    const gone = { ...report, kind: null, value: null, removed: true };
    addOutcome(into, outcome({ kind: 'link_report', link_report: gone }), 99);
    expect(into.rows).toMatchObject([
      ['link_report', { identifier_id: 'i', value: '+1', seen_with_email: 26, link_limit: 25, is_deleted: 0 }],
      ['link_report', { identifier_id: 'i', value: null, is_deleted: 1, version }],
    ]);
    expect(into.erased).toEqual([['w', version, { carts: [], people: [], identifiers: ['i'] }]]);
  });

  it('refuses an outcome without its member, and ids that are none', () => {
    expect(() => addOutcome(collect(), outcome({ kind: 'cart' }), 1)).toThrow(UnusableRecordError);
    for (const id of [0, -1, 1.5, 2 ** 32]) {
      expect(() => addOutcome(collect(), outcome({ trait: { ...event, person_id: id } }), 1)).toThrow(
        UnusableRecordError,
      );
    }
  });
});

const phone = (consent: ProfileIdentifier['consent'], value = '+1'): ProfileIdentifier => ({
  kind: 'phone',
  value,
  consent,
});
const email = (consent: ProfileIdentifier['consent'], value = 'a@b.c'): ProfileIdentifier => ({
  kind: 'email',
  value,
  consent,
});
const person = (...identifiers: ProfileIdentifier[]): Person => ({
  person_id: 1,
  anonymous: false,
  name: null,
  time_zone: null,
  first_at: 1,
  last_at: 2,
  identifiers,
  more_identifiers: [],
});
function reach(given: Person): [boolean, boolean] {
  const row = personRow('w', given, version);
  return [row.reachable_sms, row.reachable_email];
}

describe('who is reachable', () => {
  it.each<[string, ProfileIdentifier[], boolean, boolean]>([
    ['without identifiers nobody', [], false, false],
    ['a phone that said nothing is not', [phone(null)], false, false],
    ['a phone that opted in', [phone('opted_in')], true, false],
    ['one of two phones is enough', [phone('opted_out'), phone('opted_in')], true, false],
    ['an address that said nothing is', [email(null)], false, true],
    ['an address that opted out is not', [email('opted_out')], false, false],
    ['one of two addresses is enough', [email('opted_out'), email(null)], false, true],
  ])('%s', (_, identifiers, sms, mail) => {
    expect(reach(person(...identifiers))).toEqual([sms, mail]);
  });

  it('counts identifiers that the profile does not show', () => {
    const more = (kind: 'phone' | 'email', consent: ProfileIdentifier['consent']): Person => ({
      ...person(phone(null), email('opted_out')),
      more_identifiers: [{ kind, consent, count: 3 }],
    });
    expect(reach(more('phone', 'opted_in'))).toEqual([true, false]);
    expect(reach(more('email', null))).toEqual([false, true]);
    expect(personRow('w', more('email', 'opted_in'), version).email_consent).toBe('opted_in');
    expect(personRow('w', more('phone', 'opted_out'), version).sms_consent).toBe('opted_out');
  });

  it('never an anonymous person, whatever is known', () => {
    expect(reach({ ...person(phone('opted_in'), email('opted_in')), anonymous: true })).toEqual([false, false]);
  });

  it('keeps consents beside their identifiers', () => {
    const row = personRow(
      'w',
      person(phone(null, '+1'), email('opted_out', 'x@y.z'), phone('opted_in', '+2'), {
        kind: 'external',
        value: 'pos 7',
        consent: null,
      }),
      version,
    );
    expect(row).toMatchObject({
      phones: ['+1', '+2'],
      phone_consents: ['', 'opted_in'],
      emails: ['x@y.z'],
      email_consents: ['opted_out'],
      externals: ['pos 7'],
      user_ids: [],
      merged_into: 0,
    });
  });
});

describe('one consent for several identifiers', () => {
  it.each<[ProfileIdentifier['consent'][], string | null, string | null]>([
    [[], null, null],
    [[null], null, null],
    [['opted_in'], 'opted_in', 'opted_in'],
    [['opted_out'], 'opted_out', 'opted_out'],
    [['opted_out', 'opted_in'], 'opted_in', 'opted_in'],
    [['opted_out', null], 'opted_out', null],
  ])('%j: sms %s, email %s', (consents, sms, mail) => {
    expect(smsConsentOf(consents.map((consent) => phone(consent)))).toBe(sms);
    expect(emailConsentOf(consents.map((consent) => email(consent)))).toBe(mail);
  });
});
