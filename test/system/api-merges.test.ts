import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { compile, type Audience } from '../../lib/audiences/index.ts';
import { createClickHouse, insertRowBinary, type ClickHouse } from '../../lib/clickhouse/client.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import { whoIsWho, type Seen } from '../../lib/people/oracle.ts';
import { cartInput, change, recordInput, rulesInput, World } from '../../lib/people/testing.ts';
import type { Outcome, PersonInput } from '../../schemas/types.ts';
import { Block } from '../../services/sink/block.ts';
import { exportQuery, membersQuery, type ExportRow } from '../../services/api/member-rows.ts';
import { addOutcome } from '../../services/sink/rows.ts';
import { openDatabase } from './api-audience-world.ts';

/**
 * Previews, members and exports while merges are written, table by table in the order of the sink: each answer is that of the moment before or
 * after a merge, never of one that is half written.
 */

const NAME = `merges_${process.pid}`;
const NOW = Date.UTC(2026, 2, 10);
const PAIRS = 40;

let opened: Awaited<ReturnType<typeof openDatabase>>;
let client: ClickHouse;
beforeAll(async () => {
  const { CLICKHOUSE_URL } = inject('engines');
  opened = await openDatabase(CLICKHOUSE_URL, NAME);
  client = createClickHouse({ url: CLICKHOUSE_URL, database: NAME });
});
afterAll(async () => {
  await client.close();
  await opened.close();
});

let offset = 0;
async function write(outcomes: readonly Outcome[]): Promise<void> {
  const block = new Block([TABLES.people, TABLES.personAliases, TABLES.carts, TABLES.traitEvents]);
  for (const outcome of outcomes) addOutcome(block, outcome, offset++);
  const inserts = block.inserts();
  const isFirst = ({ table }: { table: string }): boolean =>
    block.isPeopleFirst && (table === TABLES.people || table === TABLES.personAliases);
  await Promise.all(inserts.filter(isFirst).map((insert) => insertRowBinary(client, insert)));
  await Promise.all(inserts.filter((insert) => !isFirst(insert)).map((insert) => insertRowBinary(client, insert)));
}

const at = (i: number): number => NOW - 1_000_000 + i;

/** Before the merges: two people for each pair, one with two abandoned carts, the other with one; every second is a guest. */
const before = (): PersonInput[] =>
  Array.from({ length: PAIRS }, (_, i) => [
    cartInput(`a${i}`, [`email:${i}@x.io`], { at: at(i), changes: [change(at(i)), change(at(i) + 500)] }),
    cartInput(`b${i}`, i % 2 === 0 ? [] : [`user_id:${i}`], { at: at(i), changes: [change(at(i))] }),
  ]).flat();

const merge = (i: number): PersonInput =>
  i % 2 === 0
    ? cartInput(`b${i}`, [`email:${i}@x.io`], { at: at(i) })
    : recordInput([`email:${i}@x.io`, `user_id:${i}`], { at: at(i) });

/** The count after so many merges. */
const AUDIENCES: { audience: Audience; after(merges: number): number }[] = [
  { audience: { trait: 'cart_abandoned' }, after: (merges) => 2 * PAIRS - merges },
  { audience: { trait: 'cart_abandoned', at_least: 3 }, after: (merges) => merges },
  { audience: { not: { trait: 'cart_abandoned' } }, after: () => 0 },
  {
    audience: { and: [{ trait: 'cart_abandoned' }, { not: { trait: 'cart_abandoned', at_least: 2 } }] },
    after: (merges) => PAIRS - merges,
  },
];

/** How the same audience is asked for: its count, its members, or an export. */
const QUESTIONS: Record<string, (audience: Audience) => Promise<number>> = {
  async preview(audience) {
    const { query, params } = compile(audience, {
      ...{ tables: TABLES, workspace: 'w', zone: 'UTC', nowMs: NOW, includeAnonymous: true },
    });
    const [row] = await opened.database.rows<{ count: number }>(query, params);
    return row?.count ?? -1;
  },
  async members(audience) {
    const asked = { audience, workspace: 'w', zone: 'UTC', nowMs: NOW, includeAnonymous: true };
    const { query, params } = membersQuery(asked, { afterId: 0, limit: 1000 });
    return (await opened.database.rows(query, params)).length;
  },
  async export(audience) {
    const asked = { audience, workspace: 'w', zone: 'UTC', nowMs: NOW, includeAnonymous: true };
    const { query, params } = exportQuery(asked);
    let rows = 0;
    for await (const batch of await opened.database.stream<ExportRow>(query, params, new AbortController().signal)) {
      rows += batch.length;
      expect(new Set(batch.map(([total]) => total)).size).toBe(1);
    }
    return rows;
  },
};

async function empty(): Promise<void> {
  for (const table of [TABLES.people, TABLES.personAliases, TABLES.carts, TABLES.traitEvents])
    await client.command({ query: `TRUNCATE TABLE ${table}` });
}

describe('members of audiences while people merge', () => {
  it.each(Object.entries(QUESTIONS))('are those of the moment before or after each merge: %s', async (_, count) => {
    await empty();
    const world = new World();
    for (const input of before()) await write(world.fold(input));
    let started = 0;
    let done = 0;
    const writing = (async () => {
      for (let i = 0; i < PAIRS; i++) {
        started = i + 1;
        await write(world.fold(merge(i)));
        done = i + 1;
      }
    })();
    let asked = 0;
    const ask = async ({ audience, after }: (typeof AUDIENCES)[number]): Promise<void> => {
      while (done < PAIRS) {
        const from = done;
        const found = await count(audience);
        const possible = Array.from({ length: started - from + 1 }, (_, i) => after(from + i));
        expect(possible, `between ${from} and ${started} merges: ${JSON.stringify(audience)}`).toContain(found);
        asked += 1;
      }
      expect(await count(audience)).toBe(after(PAIRS));
    };
    await Promise.all([writing, ...AUDIENCES.map(ask)]);
    expect(asked).toBeGreaterThan(PAIRS / 4);
  });
});

/** What each audience counts, of the numbers of carts that people have; each cart was abandoned once. */
const BY_CARTS: { audience: Audience; counts(carts: number): boolean }[] = [
  { audience: { trait: 'cart_abandoned' }, counts: (carts) => carts > 0 },
  { audience: { trait: 'cart_abandoned', at_least: 2 }, counts: (carts) => carts > 1 },
  {
    audience: { and: [{ trait: 'cart_abandoned' }, { not: { trait: 'cart_abandoned', at_least: 2 } }] },
    counts: (carts) => carts === 1,
  },
];

describe('previews while people part and link again', () => {
  it('stay within the bounds of the oracle, and are exact at rest: 25 and 26 of a kind, limits up and down', async () => {
    await empty();
    const world = new World();
    const seen: Seen[] = [];
    let limit = 25;
    let expectedBefore = BY_CARTS.map(() => 0);
    const cart = (n: number): PersonInput => {
      const identifiers = ['phone:+1', `email:${n}@x.io`];
      seen.push({ cart: `c${n}`, identifiers: new Set(identifiers) });
      return cartInput(`c${n}`, identifiers, { at: at(n), changes: [change(at(n))] });
    };
    const rules = (number: number, next: number): PersonInput => {
      limit = next;
      return rulesInput(number, { limit });
    };
    const expected = (): number[] => {
      const carts = whoIsWho(seen, limit).map((list) => list.filter((one) => one.startsWith('cart:')).length);
      return BY_CARTS.map(({ counts }) => carts.filter(counts).length);
    };
    const steps: [inputs: (() => PersonInput)[], people: number][] = [
      [Array.from({ length: 25 }, (_, n) => () => cart(n)), 1],
      [[() => cart(25)], 26],
      [[() => rules(1, 26)], 1],
      [[() => cart(26)], 27],
      [[() => rules(2, 100)], 1],
      [[() => rules(3, 25)], 27],
    ];
    for (const [inputs, people] of steps) {
      for (const next of inputs) {
        const input = next();
        const before = expectedBefore;
        const after = (expectedBefore = expected());
        let isWritten = false;
        const writing = write(world.fold(input)).finally(() => (isWritten = true));
        const ask = async ({ audience }: (typeof BY_CARTS)[number], i: number): Promise<void> => {
          while (!isWritten) {
            const found = await QUESTIONS['preview']!(audience);
            expect(found).toBeGreaterThanOrEqual(Math.min(before[i]!, after[i]!));
            expect(found).toBeLessThanOrEqual(Math.max(before[i]!, after[i]!));
          }
          expect(await QUESTIONS['preview']!(audience), JSON.stringify(audience)).toBe(after[i]);
        };
        await Promise.all([writing, ...BY_CARTS.map(ask)]);
      }
      expect(expectedBefore[0]).toBe(people);
    }
  });
});
