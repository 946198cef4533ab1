/** A small workspace in ClickHouse whose audiences are also evaluated by hand: rows, and what they mean. */
import { systemClock } from '../../lib/clock/index.ts';
import { createDatabase, type Database } from '../../services/api/database.ts';
import { createClickHouse, insertRowBinary, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { migrate } from '../../lib/clickhouse/migrate.ts';
import { RowBinaryWriter, type RowEncoder } from '../../lib/clickhouse/rowbinary.ts';
import { personRows, traitEventRows, type PersonRow, type TraitEventRow } from '../../lib/clickhouse/schema.ts';
import { boundsOf, type Audience, type TraitNode } from '../../lib/audiences/index.ts';

export const WORKSPACE = 'oracle';
export const ZONE = 'America/New_York';

export interface World {
  people: PersonRow[];
  events: TraitEventRow[];
}

export interface Evaluation {
  nowMs: number;
  knownAtMs?: number;
  includeAnonymous: boolean;
}

const version = (n: number) => ({ logTimeMs: n, inputOffset: 0, outputOffset: 0 });

export const person = (person_id: number, change: Partial<PersonRow> = {}): PersonRow => ({
  workspace: WORKSPACE,
  person_id,
  anonymous: false,
  name: `Person ${person_id}`,
  time_zone: null,
  first_at: 0,
  last_at: 0,
  phones: [],
  phone_consents: [],
  emails: [],
  email_consents: [],
  user_ids: [],
  externals: [],
  reachable_sms: false,
  reachable_email: false,
  sms_consent: null,
  email_consent: null,
  merged_into: 0,
  version: version(1),
  ...change,
});

export const event = (change: Partial<TraitEventRow>): TraitEventRow => ({
  workspace: WORKSPACE,
  trait: 'cart_status_updated',
  status: 'finished',
  occurred_at: 0,
  cart_id: 'c',
  event_id: '',
  person_id: 1,
  store_id: null,
  mode: null,
  amount: null,
  products: [],
  source: null,
  previous_status: null,
  reentered: false,
  anomaly: null,
  detected_at: change.occurred_at ?? 0,
  retracted_at: null,
  recovered_at: null,
  beyond_horizon: false,
  replaces: null,
  last_activity_at: null,
  version: version(1),
  ...change,
});

async function insert<Row>(client: ClickHouse, encoder: RowEncoder<Row>, rows: readonly Row[]): Promise<void> {
  const writer = new RowBinaryWriter();
  for (const row of rows) encoder.write(writer, row);
  const { table, columns } = encoder;
  await insertRowBinary(client, { table, columns, body: writer.take(), rows: rows.length });
}

/** A database of its own; `fill` replaces what is in it, and leaves older versions of every row about. */
export async function openDatabase(url: string, name: string) {
  const client = createClickHouse({ url, database: name });
  await migrate(client);
  const database: Database = createDatabase(client, systemClock);
  return {
    database,
    async fill({ people, events }: World): Promise<void> {
      for (const table of ['people', 'trait_events']) await client.command({ query: `TRUNCATE TABLE ${table}` });
      const older = version(0);
      const before = people.map((row) => ({ ...row, version: older, anonymous: !row.anonymous, merged_into: 0 }));
      const past = events.map((row) => ({ ...row, version: older, person_id: 1, retracted_at: null, store_id: 'old' }));
      await insert(client, personRows, before);
      await insert(client, traitEventRows, past);
      await insert(client, personRows, people);
      await insert(client, traitEventRows, events);
      // Repeats change nothing.
      await insert(client, traitEventRows, events);
    },
    async close(): Promise<void> {
      await client.command({ query: `DROP DATABASE IF EXISTS ${name}` });
      await client.close();
    },
  };
}

const within = (values: readonly string[] | undefined, value: string | null): boolean =>
  values === undefined || values.length === 0 || (value !== null && values.includes(value));

function satisfies(node: TraitNode, row: TraitEventRow, { nowMs, knownAtMs }: Evaluation): boolean {
  const { fromMs, toMs } = node.time ? boundsOf(node.time, nowMs, ZONE) : { fromMs: null, toMs: null };
  const { retracted_at, recovered_at, occurred_at, amount } = row;
  const recovered = recovered_at !== null && recovered_at <= nowMs;
  return (
    row.trait === node.trait &&
    occurred_at <= nowMs &&
    (fromMs === null || occurred_at >= fromMs) &&
    (toMs === null || occurred_at <= toMs) &&
    within(
      node.status?.map((status) => status.trim().toLowerCase()),
      row.status,
    ) &&
    within(node.store_id, row.store_id) &&
    within(node.mode, row.mode) &&
    (node.recovered === undefined || node.recovered === recovered) &&
    (node.anomaly === undefined || node.anomaly === (row.anomaly !== null)) &&
    (node.amount?.min === undefined || (amount !== null && amount >= node.amount.min)) &&
    (node.amount?.max === undefined || (amount !== null && amount <= node.amount.max)) &&
    (!node.product_id?.length ||
      row.products.some(({ product_id, count }) => count > 0 && node.product_id?.includes(product_id))) &&
    (knownAtMs === undefined
      ? retracted_at === null
      : row.detected_at <= knownAtMs && (retracted_at === null || retracted_at > knownAtMs))
  );
}

/** The people of an audience, by the words of the semantics and nothing else. */
export function evaluate(audience: Audience, world: World, evaluation: Evaluation): Set<number> {
  const winner = new Map(world.people.map((row) => [row.person_id, row.merged_into || row.person_id]));
  const universe = world.people.filter(
    (row) =>
      row.merged_into === 0 && row.first_at <= evaluation.nowMs && (evaluation.includeAnonymous || !row.anonymous),
  );
  const everyone = new Set(universe.map((row) => row.person_id));
  const walk = (node: Audience): Set<number> => {
    if ('everyone' in node) return everyone;
    if ('and' in node) return node.and.map(walk).reduce((a, b) => new Set([...a].filter((id) => b.has(id))));
    if ('or' in node) return new Set(node.or.flatMap((child) => [...walk(child)]));
    if ('not' in node) {
      const inner = walk(node.not);
      return new Set([...everyone].filter((id) => !inner.has(id)));
    }
    if ('dwell' in node) throw new Error('not of this oracle');
    const counts = new Map<number, number>();
    for (const row of world.events) {
      if (!satisfies(node, row, evaluation)) continue;
      const id = winner.get(row.person_id) ?? row.person_id;
      counts.set(id, (counts.get(id) ?? 0) + 1);
    }
    return new Set([...counts].filter(([id, n]) => n >= (node.at_least ?? 1) && everyone.has(id)).map(([id]) => id));
  };
  return walk(audience);
}
