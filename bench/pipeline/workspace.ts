/** A workspace of a run, and questions to the installation about it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { createWorkspace, freshMsOf, preview, type Audience, type Workspace } from '../../test/harness/client.ts';
import type { BenchInstallation } from './installation.ts';

export async function newWorkspace(installation: BenchInstallation): Promise<Workspace> {
  return createWorkspace(installation, { time_zone: 'America/Los_Angeles' });
}

/** One query with its rows as tab-separated text; throws for a refusal. */
export async function ask({ clickHouseUrl, database }: BenchInstallation, query: string): Promise<string[][]> {
  const url = `${clickHouseUrl}/?database=${database}&default_format=TabSeparated`;
  const response = await fetch(url, { method: 'POST', body: query });
  const text = await response.text();
  if (!response.ok) throw new Error(`ClickHouse: ${text.slice(0, 300)}`);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'));
}

/** How many trait events of each trait stand, as analysts see them. */
export async function traitCounts(
  installation: BenchInstallation,
  workspace: Workspace,
): Promise<{ changes: number; abandonments: number }> {
  const rows = await ask(
    installation,
    `SELECT countIf(trait = 'cart_status_updated'), countIf(trait = 'cart_abandoned')
     FROM v_trait_events WHERE workspace = '${workspace.id}'`,
  );
  return { changes: Number(rows[0]?.[0]), abandonments: Number(rows[0]?.[1]) };
}

const FRESH_POLL_MS = 50;

/** Resolves once `fresh_through` has reached an instant; asks again 50 ms after each answer. */
export async function untilFresh(
  installation: BenchInstallation,
  workspace: Workspace,
  sinceMs: number,
  timeoutMs = 300_000,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  const audience: Audience = {
    trait: 'cart_abandoned',
    time: { operator: 'in_last', amount: 1, unit: 'minutes' },
  };
  while (Date.now() < deadline) {
    if (freshMsOf(await preview(installation, workspace, audience)) >= sinceMs) return;
    await sleep(FRESH_POLL_MS);
  }
  throw new Error(`not fresh through ${new Date(sinceMs).toISOString()} within ${timeoutMs} ms`);
}
