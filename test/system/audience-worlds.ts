/** Generated worlds as rows in ClickHouse, as the sink leaves them: with older versions, repeats, merges and moved rows. */
import { insertRowBinary, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { RowBinaryWriter, type RowEncoder } from '../../lib/clickhouse/rowbinary.ts';
import {
  cartRows,
  personAliasRows,
  personCartRows,
  personRows,
  personTraitEventRows,
  traitEventRows,
  type CartRow,
  type PersonAliasRow,
  type PersonCartRow,
  type PersonRow,
  type PersonTraitEventRow,
  type TraitEventRow,
} from '../../lib/clickhouse/schema.ts';
import { cartFactsOf, eventFactsOf } from '../../lib/audiences/testing/facts.ts';
import type { CartSnapshot } from '../../schemas/types.ts';
import type { GeneratedPerson, GeneratedWorld } from '../../lib/audiences/testing/generate.ts';

export interface WorldRows {
  people: PersonRow[];
  aliases: PersonAliasRow[];
  traitEvents: TraitEventRow[];
  traitEventsByPerson: PersonTraitEventRow[];
  carts: CartRow[];
  personCarts: PersonCartRow[];
}

const versionOf = (n: number): TraitEventRow['version'] => ({ logTimeMs: n, inputOffset: 0, outputOffset: 0 });
const OLDER = versionOf(1);
const CURRENT = versionOf(2);

const NO_IDENTIFIERS = {
  phones: [],
  phone_consents: [],
  emails: [],
  email_consents: [],
  user_ids: [],
  externals: [],
  sms_consent: null,
  email_consent: null,
};

function personRow(workspace: string, person: GeneratedPerson): PersonRow {
  return {
    ...NO_IDENTIFIERS,
    workspace,
    person_id: person.id,
    anonymous: person.anonymous,
    name: null,
    time_zone: null,
    first_at: person.firstAt,
    last_at: person.firstAt,
    reachable_sms: person.reachableSms,
    reachable_email: person.reachableEmail,
    merged_into: person.mergedInto,
    version: CURRENT,
  };
}

/** A merged person of an even id was an anonymous cart that found its owner: their rows were written again under the owner. */
export const isDissolved = ({ id, mergedInto }: GeneratedPerson): boolean => mergedInto !== 0 && id % 2 === 0;

/** All rows of a world; people who have the same id elsewhere are in other workspaces. */
export function rowsOf(workspace: string, { people }: Pick<GeneratedWorld, 'people'>): WorldRows {
  const rows: WorldRows = {
    people: [],
    aliases: [],
    traitEvents: [],
    traitEventsByPerson: [],
    carts: [],
    personCarts: [],
  };
  for (const person of people) {
    const row = personRow(workspace, person);
    rows.people.push({ ...row, version: OLDER, anonymous: !row.anonymous, first_at: 0, merged_into: 0 }, row);
    const dissolved = isDissolved(person);
    const owner = dissolved ? person.mergedInto : person.id;
    if (person.mergedInto !== 0 && !dissolved)
      rows.aliases.push({
        workspace,
        loser: person.id,
        winner: person.mergedInto,
        merged_at: 2,
        version: CURRENT,
      });
    for (const event of person.events) {
      const row: TraitEventRow = {
        ...eventFactsOf(event),
        products: eventFactsOf(event).products ?? [],
        workspace,
        person_id: owner,
        previous_status: null,
        beyond_horizon: false,
        replaces: null,
        last_activity_at: null,
        version: CURRENT,
      };
      const older = { ...row, version: OLDER, retracted_at: null, store_id: 'old' };
      rows.traitEvents.push({ ...older, person_id: 1 }, row, row);
      rows.traitEventsByPerson.push({ ...older, is_deleted: 0 }, { ...row, is_deleted: 0 });
      if (dissolved)
        rows.traitEventsByPerson.push(
          { ...older, person_id: person.id, is_deleted: 0 },
          { ...row, person_id: person.id, is_deleted: 1 },
        );
      // Concluded before the merge as well, under the other id.
      else if (person.mergedInto !== 0)
        rows.traitEventsByPerson.push({ ...older, person_id: person.mergedInto, is_deleted: 0 });
    }
    for (const cart of person.carts) {
      const facts = cartFactsOf(cart);
      const row: CartRow = {
        ...facts,
        products: facts.products ?? [],
        workspace,
        person_id: owner,
        version: CURRENT,
      };
      rows.carts.push({ ...row, version: OLDER, person_id: 1, status: 'preparing', due_at: null }, row, row);
      const of = (person_id: number, is_deleted: number): PersonCartRow => ({
        workspace,
        person_id,
        cart_id: row.cart_id,
        version: CURRENT,
        is_deleted,
      });
      rows.personCarts.push(of(owner, 0), ...(dissolved ? [of(person.id, 1)] : []));
    }
  }
  return rows;
}

/** People who have one cart each; their ids count from 1. */
export function rowsOfCarts(workspace: string, carts: readonly CartSnapshot[]): WorldRows {
  const rows = rowsOf(workspace, {
    people: carts.map((_, i) => ({
      id: i + 1,
      ...{ mergedInto: 0, firstAt: 0, anonymous: false, reachableSms: false, reachableEmail: false },
      ...{ events: [], carts: [] },
    })),
  });
  for (const [i, cart] of carts.entries())
    rows.carts.push({
      ...cart,
      products: cart.products ?? [],
      ...{ workspace, cart_id: String(i + 1), person_id: i + 1, version: CURRENT },
    });
  return rows;
}

async function insert<Row>(client: ClickHouse, encoder: RowEncoder<Row>, rows: readonly Row[]): Promise<void> {
  const writer = new RowBinaryWriter();
  for (const row of rows) encoder.write(writer, row);
  const { table, columns } = encoder;
  await insertRowBinary(client, { table, columns, body: writer.take(), rows: rows.length });
}

export async function insertWorlds(client: ClickHouse, worlds: readonly WorldRows[]): Promise<void> {
  const all = <K extends keyof WorldRows>(name: K): WorldRows[K] =>
    worlds.flatMap((world) => world[name] as unknown[]) as WorldRows[K];
  await insert(client, personRows, all('people'));
  await insert(client, personAliasRows, all('aliases'));
  await insert(client, traitEventRows, all('traitEvents'));
  await insert(client, personTraitEventRows, all('traitEventsByPerson'));
  await insert(client, cartRows, all('carts'));
  await insert(client, personCartRows, all('personCarts'));
}
