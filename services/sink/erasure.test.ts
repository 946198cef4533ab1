import { expect, it } from 'vitest';
import { Erasures, erasureStatements, type ErasedKeys } from './erasure.ts';

function statements(keys: Partial<ErasedKeys>) {
  const erasures = new Erasures();
  const version = { logTimeMs: 1, inputOffset: 2, outputOffset: 3 };
  erasures.add('w', version, { carts: [], people: [], identifiers: [], ...keys });
  return erasures.all.flatMap(erasureStatements);
}

it('names nothing in the text, only in parameters, and deletes what earlier causes have written', () => {
  const all = statements({ carts: ["it's"], people: [7], identifiers: ['i'] });
  expect(all.map(({ query }) => /^ALTER TABLE (\w+)\s+(?:DELETE|UPDATE) /.exec(query)?.[1])).toEqual([
    'trait_events',
    'trait_events_by_person',
    'carts',
    'person_carts',
    'people',
    'person_aliases',
    'link_report',
    'flow_events',
  ]);
  const before = String((1n << 80n) | (2n << 40n));
  expect(all.map(({ params }) => params)).toEqual([
    ...[["it's"], ["it's"], ["it's"], ["it's"], [7], [7], ['i']].map((ids) => ({ workspace: 'w', ids, before })),
    { workspace: 'w', ids: [7] },
  ]);
  expect(all.filter(({ query }) => /it's|'i'|7/.test(query))).toEqual([]);
});

it('splits many ids, and long ones, over several statements', () => {
  const sizes = (carts: string[]): number[] =>
    statements({ carts }).flatMap(({ query, params }) =>
      query.startsWith('ALTER TABLE carts ') ? [(params['ids'] as string[]).length] : [],
    );
  expect(sizes(Array.from({ length: 2_500 }, (_, i) => `c${i}`))).toEqual([1_000, 1_000, 500]);
  expect(sizes(Array.from({ length: 3 }, (_, i) => `${i}`.padEnd(40_000, 'x')))).toEqual([1, 1, 1]);
  expect(sizes([])).toEqual([]);
});
