import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../lib/clock/index.ts';
import type { LinkReport, Outcome } from '../../schemas/types.ts';
import { createApiApp } from '../../services/api/app.ts';
import { createDatabase } from '../../services/api/database.ts';
import type { ApiDeps } from '../../services/api/deps.ts';
import { openWorld, type SinkWorld } from './sink-world.ts';

/** The report on link rules, from the topic through the sink and ClickHouse to the answer. */

let world: SinkWorld;
let app: ReturnType<typeof createApiApp>;
beforeAll(async () => {
  world = await openWorld();
  const deps = {
    clock: systemClock,
    adminKey: 'root',
    consoleDir: '/nowhere',
    logger: { error: () => undefined },
    database: createDatabase(world.client, systemClock),
    definitions: {
      findKey: () => Promise.resolve({ workspace: 'w0', role: 'read' }),
      findWorkspace: () => Promise.resolve({}),
    },
  } as unknown as ApiDeps;
  app = createApiApp(deps);
});
afterAll(() => world.close());

interface Page {
  items: { identifier: { value: string }; would_join: number }[];
  next_cursor: string | null;
}

async function ask(query: string): Promise<Page> {
  const headers = { authorization: `Bearer jt_read_${'r'.repeat(43)}` };
  const answer = await app.request(`/v1/link-report${query}`, { headers });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Page;
}

const report = (id: number, fields: Partial<LinkReport> = {}): Partial<Outcome> => ({
  kind: 'link_report',
  link_report: {
    ...{ identifier_id: `i${id}`, kind: 'phone', value: `+1612555000${id}`, limit: 25, junk: false, reason: null },
    ...{ seen_with: { user_id: 1, external: 0, phone: 0, email: 20 }, allowed: false, removed: false },
    ...fields,
  },
});

it('lists the latest state of each identifier, the largest first, in pages', async () => {
  await world.say(0, [
    report(1),
    report(2),
    report(3, { kind: 'external', value: 'pos%20x 9', seen_with: { user_id: 0, external: 0, phone: 101, email: 3 } }),
    report(4, { kind: 'email', value: 'desk@example.com', allowed: true }),
    report(5),
    report(2, { junk: true, reason: 'limit', seen_with: { user_id: 1, external: 0, phone: 0, email: 26 } }),
    report(5, { kind: null, value: null, removed: true }),
  ]);
  await world.say(1, [report(9)]);
  await world.settled(world.start());
  const { items, next_cursor } = await ask('');
  expect(next_cursor).toBeNull();
  expect(items.map(({ identifier, would_join }) => [identifier.value, would_join])).toEqual([
    ['9', 101],
    ['+16125550002', 26],
    ['desk@example.com', 20],
    ['+16125550001', 20],
  ]);
  expect(items[0]).toMatchObject({ identifier: { kind: 'external', source: 'pos x', value: '9' } });
  expect(items[1]).toEqual({
    identifier: { kind: 'phone', value: '+16125550002' },
    seen_with: { user_id: 1, external: 0, phone: 0, email: 26 },
    ...{ would_join: 26, limit: 25, junk: true, reason: 'limit', allowed: false },
  });
  expect(items[2]).toMatchObject({ allowed: true, junk: false, reason: null });

  const paged: Page['items'] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page: Page = await ask(`?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`);
    expect(page.items).toHaveLength(1);
    paged.push(...page.items);
    cursor = page.next_cursor;
  }
  expect(paged).toEqual(items);
});
