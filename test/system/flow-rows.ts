import type { Installation } from '../harness/installation.ts';

/** Steps of flows, written into the table that the sink writes. */

export interface StepRow {
  workspace: string;
  flow_id: string;
  run_id: string;
  what: string;
  /** Milliseconds since 1970. */
  at: number;
  person_id?: number;
  cart_id?: string;
  event_id?: string;
  node?: string;
  reason?: string;
  due_at?: number;
  channel?: string;
  class?: string;
  request_id?: string;
  amount?: number;
  address?: string;
  text?: string;
}

let offset = 0;

/** Writes steps in the order of the log. */
export async function insertSteps({ env }: Installation, steps: readonly StepRow[]): Promise<void> {
  const { CLICKHOUSE_URL: shared, CLICKHOUSE_HTTP_PORT: ownPort } = env;
  const url = new URL(shared ? shared : `http://127.0.0.1:${ownPort ?? ''}/`);
  url.searchParams.set('database', env['CLICKHOUSE_DATABASE'] ?? 'jane_traits');
  url.searchParams.set('query', 'INSERT INTO flow_events FORMAT JSONEachRow');
  const rows = steps.map(({ at, due_at, ...step }) => {
    offset += 1;
    const times = { at: shown(at), due_at: due_at === undefined ? null : shown(due_at) };
    return { flow_version: 1, ordinal: 0, ...step, ...times, input_offset: offset, version: String(offset) };
  });
  const body = rows.map((row) => JSON.stringify(row)).join('\n');
  const response = await fetch(url, { method: 'POST', body });
  if (!response.ok) throw new Error(await response.text());
}

const shown = (ms: number): string => new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
