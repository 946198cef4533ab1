import { expect, it } from 'vitest';
import type { RowEncoder } from '../../lib/clickhouse/rowbinary.ts';
import { TABLES } from '../../lib/clickhouse/tables.ts';
import type { AudienceChange } from '../../schemas/types.ts';
import { addAudienceChange } from './audience-rows.ts';

const change: AudienceChange = {
  workspace: 'acme',
  audience_id: 'aud_1',
  version: 3,
  person_id: 7,
  change: 'entered',
  at: 1_000,
  cause: 'event',
  size: 5,
};

function rowsOf(of: AudienceChange, offset: number): Record<string, unknown>[] {
  const rows: Record<string, unknown>[] = [];
  const add = <Row>({ table }: RowEncoder<Row>, row: Row): void => void rows.push({ table, ...row });
  const none = (): void => undefined;
  addAudienceChange({ add, addByMonth: add, writePeopleFirst: none, erase: none }, of, offset);
  return rows;
}

it('a change is a row of its own, and makes the person a member or ends that', () => {
  const common = { workspace: 'acme', audience_id: 'aud_1', person_id: 7, audience_version: 3, at: 1_000 };
  const version = { logTimeMs: 1_000, inputOffset: 0, outputOffset: 42 };
  expect(rowsOf(change, 42)).toEqual([
    { table: TABLES.audienceMembers, ...common, version, is_deleted: 0 },
    { table: TABLES.audienceChanges, ...common, version, offset: 42, change: 'entered', cause: 'event', size: 5 },
  ]);
  expect(rowsOf({ ...change, change: 'left' }, 42)[0]).toMatchObject({ is_deleted: 1 });
});
