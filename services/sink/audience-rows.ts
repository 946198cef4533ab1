import { audienceChangeRows, audienceMemberRows } from '../../lib/clickhouse/schema.ts';
import type { AudienceChange } from '../../schemas/types.ts';
import type { Rows } from './block.ts';

/** Adds the rows of a change: the change itself, and that the person is now a member or a former one. */
export function addAudienceChange(rows: Rows, change: AudienceChange, offset: number): void {
  const row = {
    workspace: change.workspace,
    audience_id: change.audience_id,
    person_id: change.person_id,
    audience_version: change.version,
    at: change.at,
    version: { logTimeMs: change.at, inputOffset: 0, outputOffset: offset },
  };
  rows.add(audienceMemberRows, { ...row, is_deleted: change.change === 'left' ? 1 : 0 });
  rows.add(audienceChangeRows, { ...row, offset, change: change.change, cause: change.cause, size: change.size });
}
