import type { SettingsOfFlows } from '../../../lib/definitions/entities.ts';
import { MODES, PRODUCTS, STATUSES, STORES } from '../../../lib/flows/testing/generated-flows.ts';
import type { Random } from '../../../lib/simulate/random.ts';
import type { FlowProfile, Product } from '../../../schemas/types.ts';
import type { Database, Rows, Texts } from '../database.ts';

/** A generated past, as ClickHouse holds it, and a database that answers what a back-test asks of it. */

/** A row of trait_events_by_person. */
export interface PastRow {
  event_id: string;
  trait: 'cart_abandoned' | 'cart_status_updated';
  status: string;
  occurred_at: number;
  last_activity_at: number | null;
  isTimer: boolean;
  isRetracted: boolean;
  cart_id: string;
  /** The id under which it was concluded; the person may have been merged since. */
  person_id: number;
  store_id: string | null;
  mode: string | null;
  amount: number | null;
  products: Product[];
  anomaly: 'backward' | null;
  reentered: boolean;
  version: number;
}

export interface Past {
  rows: PastRow[];
  /** Merged people, and the erased one, who was merged into themselves. */
  aliases: ReadonlyMap<number, number>;
  profiles: ReadonlyMap<number, FlowProfile>;
}

export const FROM_MS = Date.UTC(2026, 2, 6, 15);
export const TO_MS = FROM_MS + 4 * 86_400_000;
export const WINDOW_MS = 30 * 60_000;
const HOUR_MS = 3_600_000;
const ALIASES = new Map([
  [7, 1],
  [8, 1],
  [9, 2],
  [10, 10],
]);
export const ownerOf = ({ aliases }: Pick<Past, 'aliases'>, person: number): number => aliases.get(person) ?? person;

/** Some carts of six people. Many times are close to each other, or at the ends of what is played. */
export function generatedPast(random: Random): Past {
  const rows = new Map<string, PastRow>();
  for (let cart = 0; cart < 14; cart++) {
    const owner = random.int(1, 6);
    const ids = [owner, ...[...ALIASES].flatMap(([loser, winner]) => (winner === owner ? [loser] : []))];
    let at = random.weighted([
      [FROM_MS + random.int(0, 90) * HOUR_MS, 70],
      [FROM_MS - random.int(0, 10) * HOUR_MS, 15],
      [FROM_MS - random.int(0, 70) * 24 * HOUR_MS, 10],
      [TO_MS - 2 * HOUR_MS, 5],
    ]);
    for (let left = random.int(1, 4); left > 0; left--) {
      at += random.pick([0, 1, 60_000, 11 * 60_000, HOUR_MS, 5 * HOUR_MS, 30 * HOUR_MS]);
      if (random.chance(0.08)) at = random.pick([FROM_MS - 1, FROM_MS, FROM_MS + 1, TO_MS - 1, TO_MS]);
      const row = rowOf(random, `c${cart}`, random.pick(ids), at);
      rows.set(`${row.cart_id} ${row.status} ${row.occurred_at}`, row);
    }
  }
  const all = [...rows.values()];
  // Concluded under another id of the same person before.
  for (const row of all.filter(({ person_id }) => ALIASES.has(person_id)))
    if (random.chance(0.3)) all.push({ ...row, person_id: ALIASES.get(row.person_id)!, amount: 1, version: 0 });
  return { rows: all, aliases: ALIASES, profiles: profilesOf(random) };
}

function rowOf(random: Random, cart_id: string, person_id: number, occurred_at: number): PastRow {
  const isAbandoned = random.chance(0.4);
  const isTimer = isAbandoned && random.chance(0.8);
  const last = random.chance(0.5) ? occurred_at - random.pick([0, 60_000, WINDOW_MS, 2 * HOUR_MS]) : null;
  return {
    event_id: random.uuid(),
    trait: isAbandoned ? 'cart_abandoned' : 'cart_status_updated',
    status: isAbandoned ? '' : random.pick(STATUSES),
    occurred_at,
    last_activity_at: isAbandoned ? last : null,
    isTimer,
    isRetracted: random.chance(0.1),
    cart_id,
    person_id,
    store_id: random.pick([...STORES, null]),
    mode: random.pick([...MODES, null]),
    amount: random.pick([10, 20, 30.5, null]),
    products: random.chance(0.5) ? [{ product_id: random.pick(PRODUCTS), count: random.int(0, 2), price: null }] : [],
    anomaly: random.chance(0.1) ? 'backward' : null,
    reentered: false,
    version: 1,
  };
}

function profilesOf(random: Random): Map<number, FlowProfile> {
  const consent = (): 'opted_in' | 'opted_out' | null => random.pick(['opted_in', 'opted_in', 'opted_out', null]);
  const people = [1, 2, 3, 4, 5, 6].map((person_id): [number, FlowProfile] => {
    const address = (value: string) => (random.chance(0.85) ? [{ value, consent: consent() }] : []);
    const name = random.pick(['Kay Doe', null]);
    const time_zone = random.pick([null, null, 'America/Denver', 'Europe/London']);
    const phones = address(`+1212555010${person_id}`);
    const emails = address(`p${person_id}@example.com`);
    return [person_id, { person_id, anonymous: random.chance(0.1), name, time_zone, phones, emails }];
  });
  return new Map(people);
}

export const generatedSettings = (random: Random): SettingsOfFlows => ({
  name: 'Acme',
  time_zone: random.pick(['UTC', 'America/New_York', 'Australia/Lord_Howe']),
  frequency_cap: random.chance(0.5) ? { count: random.int(1, 2), amount: random.int(1, 30), unit: 'hours' } : null,
  quiet_hours: random.pick([null, { from: '08:00', to: '21:00', channels: ['sms', 'email'] }]),
});

const millis = (row: PastRow) => ({
  ...{ detected_at: row.occurred_at, retracted_at: null, recovered_at: null, source: null },
  ...row,
});

/** The rows that count: the latest of each trait event. */
export function latestRows({ rows }: Pick<Past, 'rows'>): PastRow[] {
  const latest = new Map<string, PastRow>();
  for (const row of rows) if ((latest.get(row.event_id)?.version ?? -1) < row.version) latest.set(row.event_id, row);
  return [...latest.values()].filter(({ isRetracted }) => !isRetracted);
}

/** Tells its queries apart by what they select. */
export function databaseOf(past: Past, asked: (query: string) => void = () => {}): Pick<Database, 'for'> {
  const during = ({ occurred_at }: PastRow, { from, to }: Record<string, unknown>): boolean =>
    occurred_at >= Number(from) && occurred_at < Number(to);
  const rowsOf = (ids: number[]): PastRow[] =>
    latestRows({ rows: past.rows.filter(({ person_id }) => ids.includes(person_id)) });
  const withLosers = (ids: number[]): number[] => [
    ...ids,
    ...[...past.aliases].flatMap(([loser, winner]) => (ids.includes(winner) ? [loser] : [])),
  ];
  function answer(query: string, params: Record<string, unknown>): unknown[] {
    asked(query);
    const ids = (params['ids'] ?? []) as number[];
    if (query.includes('AS people')) return [{ people: mayStart(past, params) }];
    if (query.includes('groupArray('))
      return [
        {
          events: rowsOf(withLosers(ids))
            .filter((row) => during(row, params))
            .map(asArray(past, query)),
        },
      ];
    if (query.includes('phone_consents')) return ids.flatMap((id) => profileRow(past.profiles.get(id)));
    // What is read of people for questions.
    if (query.includes('first_at'))
      return ids.map((person_id) => ({
        person_id,
        merged_into: past.aliases.get(person_id) ?? 0,
        anonymous: false,
        first_at: 0,
      }));
    if (query.includes('SELECT loser'))
      return [...past.aliases].flatMap(([loser, winner]) => (ids.includes(winner) ? [{ loser, winner }] : []));
    if (query.includes('retracted_at')) return rowsOf(ids).map(millis);
    return [];
  }
  const rows: Rows & Texts = {
    rows: <T>(query: string, params = {}) => Promise.resolve(answer(query, params) as T[]),
    text: (query, params = {}) =>
      Promise.resolve(
        answer(query, params)
          .map((row) => `${JSON.stringify(row)}\n`)
          .join(''),
      ),
  };
  return { for: () => rows };
}

/** Rows that were retracted, and those under an earlier id, count too. */
function mayStart(past: Past, params: Record<string, unknown>): number[] {
  const found = past.rows.filter(({ trait, status, occurred_at }) => {
    if (occurred_at < Number(params['from']) || occurred_at >= Number(params['to'])) return false;
    for (let i = 0; params[`trait${i}`] !== undefined; i++) {
      const statuses = params[`statuses${i}`] as string[];
      if (params[`trait${i}`] === trait && (statuses.length === 0 || statuses.includes(status))) return true;
    }
    return false;
  });
  return [...new Set(found.map(({ person_id }) => ownerOf(past, person_id)))].sort((a, b) => a - b);
}

const asArray = (past: Past, query: string) => (row: PastRow) => [
  ...[
    row.event_id,
    row.trait,
    row.status,
    row.occurred_at,
    row.cart_id,
    ownerOf(past, row.person_id),
    row.store_id,
    row.mode,
  ],
  ...[row.amount, query.includes('products,') ? row.products : [], row.anomaly, row.reentered, row.last_activity_at],
  row.isTimer,
];

const profileRow = (profile: FlowProfile | undefined): unknown[] =>
  profile === undefined
    ? []
    : [
        {
          ...profile,
          phones: profile.phones.map(({ value }) => value),
          phone_consents: profile.phones.map(({ consent }) => consent ?? ''),
          emails: profile.emails.map(({ value }) => value),
          email_consents: profile.emails.map(({ consent }) => consent ?? ''),
        },
      ];
