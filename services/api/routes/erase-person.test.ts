import { beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../lib/clock/index.ts';
import { createApiApp } from '../app.ts';
import type { ApiDeps } from '../deps.ts';
import type { Erased } from '../eraser.ts';

const KEYS = { read: `jt_read_${'r'.repeat(43)}`, write: `jt_write_${'w'.repeat(43)}` };

/** Person 2 was merged into person 1. */
const PEOPLE = [
  {
    person_id: '1',
    merged_into: 0,
    phones: ['+18085550143'],
    emails: ['kay@example.com'],
    user_ids: ['7'],
    externals: ['pos 9'],
  },
  { person_id: '2', merged_into: 1 },
];

let erased: [workspace: string, erased: Erased][];
let app: ReturnType<typeof createApiApp>;

beforeEach(() => {
  erased = [];
  const rows = (query: string, { id, ids }: { id?: number; ids?: number[] }): Promise<unknown[]> => {
    if (query.includes('cart_id')) return Promise.resolve((ids ?? []).map((person) => ({ cart_id: `c${person}` })));
    if (query.startsWith('SELECT person_id')) return Promise.resolve([{ person_id: 1 }, { person_id: 2 }]);
    return Promise.resolve(PEOPLE.filter(({ person_id }) => person_id === String(id)));
  };
  const deps = {
    clock: systemClock,
    adminKey: 'root',
    consoleDir: '/nowhere',
    logger: { error: () => undefined },
    database: { rows },
    eraser: { erase: (workspace: string, person: Erased) => Promise.resolve(void erased.push([workspace, person])) },
    definitions: {
      findKey: (key: string) => Promise.resolve({ workspace: 'acme', role: key === KEYS.read ? 'read' : 'write' }),
      findWorkspace: () => Promise.resolve({}),
    },
  } as unknown as ApiDeps;
  app = createApiApp(deps);
});

const erase = async (id: string, key = KEYS.write): Promise<number> =>
  (await app.request(`/v1/people/${id}`, { method: 'DELETE', headers: { authorization: `Bearer ${key}` } })).status;

describe('DELETE /v1/people/{id}', () => {
  it('erases with all identifiers, and the carts of all merged ids; the id of a loser erases the winner', async () => {
    const person: Erased = {
      identifiers: [
        { kind: 'user_id', value: '7' },
        { kind: 'external', value: 'pos 9' },
        { kind: 'phone', value: '+18085550143' },
        { kind: 'email', value: 'kay@example.com' },
      ],
      carts: ['c1', 'c2'],
    };
    for (const id of ['1', '2']) expect(await erase(id), id).toBe(204);
    expect(erased).toEqual([
      ['acme', person],
      ['acme', person],
    ]);
  });

  it('answers 404 for an unknown person, and 403 to a key that only reads', async () => {
    for (const id of ['3', '0', '99999999999', 'x']) expect(await erase(id), id).toBe(404);
    expect(await erase('1', KEYS.read)).toBe(403);
    expect(erased).toEqual([]);
  });
});
