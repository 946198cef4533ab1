import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createWorkspace, postLines, preview, waitFresh, type Workspace } from '../harness/client.ts';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { insertSteps } from './flow-rows.ts';

/** The examples of docs/api.md in a shell, and the queries of docs/clickhouse.md, on a real installation. */

/** The fenced blocks of a document in one language, in order. */
const blocksOf = (path: string, language: string): string[] =>
  [...readFileSync(path, 'utf8').matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, own]) => own === language)
    .map(([, , block]) => block!);

let installation: Installation;
let demo: Workspace;
const DAY = 86_400_000;
const at = (daysAgo: number): string => new Date(Date.now() - daysAgo * DAY).toISOString();

beforeAll(async () => {
  installation = await startInstallation({ ownEngines: true, env: { PARTITIONS: '2' } });
  demo = await createWorkspace(installation, { id: 'demo', grace_seconds: 0 });
  await fill();
});
afterAll(() => removeInstallation(installation));

/** Something for each query of the page. */
async function fill(): Promise<void> {
  const person = { customer_email_address: 'kay@example.com' };
  const status = (id: string, name: string, daysAgo: number, more: object = {}): object => ({
    type: 'cart_status',
    occurred_at: at(daysAgo),
    cart: { id, status: name, store_id: '68', ...person, ...more },
  });
  const products = [{ product_id: 'p1', count: 2, price: 5 }];
  const left = { id: 'left', amount: 10, products, ...person };
  await postLines(installation, demo, 'people', [{ occurred_at: at(300), email: 'kay@example.com', name: 'Kay' }]);
  await postLines(installation, demo, 'events', [
    { type: 'cart_activity', occurred_at: at(0.5), cart: left },
    ...[1, 2].flatMap((n) => [
      status(`done${n}`, 'verification', 10 + n),
      status(`done${n}`, 'ready_for_pickup', 10 + n - 0.01),
      status(`done${n}`, 'finished', 10 + n - 0.02),
    ]),
    status('again', 'finished', 9),
    status('again', 'verification', 8),
    status('open', 'preparing', 0.1),
    ...[1, 2, 3].map((days) => status(`day${days}`, 'verification', days)),
  ]);
  await waitFresh(installation, demo);
  const run = { workspace: 'demo', flow_id: 'flow_1', run_id: 'a'.repeat(32), person_id: 1, cart_id: 'left' };
  const message = { node: 'remind', channel: 'sms', class: 'marketing', request_id: 'b'.repeat(32) };
  const sentAt = Date.now() - DAY;
  await insertSteps(installation, [
    { ...run, what: 'started', at: sentAt },
    { ...run, ...message, what: 'requested', at: sentAt },
    { ...run, ...message, what: 'sent', at: sentAt },
  ]);
}

describe('docs/clickhouse.md', () => {
  const queries = blocksOf('docs/clickhouse.md', 'sql');

  it('has queries', () => expect(queries.length).toBeGreaterThan(8));

  it.each(queries)('answers %s', async (query) => {
    const { env } = installation;
    // As a client of an analyst would, without any settings.
    const url = new URL(`http://127.0.0.1:${env['CLICKHOUSE_HTTP_PORT'] ?? ''}/`);
    url.searchParams.set('database', env['CLICKHOUSE_DATABASE'] ?? 'jane_traits');
    url.searchParams.set('default_format', 'JSONEachRow');
    const response = await fetch(url, { method: 'POST', body: query.replace(/;\s*$/, '') });
    const text = await response.text();
    expect(response.status, text).toBe(200);
    expect(
      text
        .trim()
        .split('\n')
        .map((line) => Object.keys(JSON.parse(line) as object).length)[0],
    ).toBeGreaterThan(1);
  });
});

describe('docs/api.md', () => {
  it('has examples that succeed in one shell, and answer as the page shows', async () => {
    const blocks = blocksOf('docs/api.md', 'sh');
    expect(blocks.length).toBeGreaterThan(12);
    const script = blocks
      .join('\n')
      .replace(/^API=.*$/m, `API=${installation.apiUrl}`)
      .replace(/^INGEST=.*$/m, `INGEST=${installation.ingestUrl}`)
      .replace(/^ADMIN=.*$/m, `ADMIN=${installation.adminKey}`);
    for (const name of ['API', 'INGEST', 'ADMIN']) expect(script).toMatch(new RegExp(`^${name}=\\S+$`, 'm'));
    // Any answer that is not 2xx ends the script. A line break follows each answer.
    const shell = `set -eu
curl() { command curl --fail-with-body --show-error "$@" || { echo "failed: curl $*" >&2; return 1; }; echo; }
${script}`;
    const output = execFileSync('bash', ['-c', shell], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
    expect(output).toContain('{"accepted":2,"rejected":0,"errors":[]}');
    const shown = blocksOf('docs/api.md', 'json').find((block) => block.includes('"words"'));
    expect(output).toContain(shown!.trim());

    const acme = await readerOf('acme');
    await waitFresh(installation, acme);
    const [audience] = [...readFileSync('docs/api.md', 'utf8').matchAll(/-d '(\{"audience": \{"and".*?)'\n/gs)];
    const asked = JSON.parse(audience![1]!) as { audience: Parameters<typeof preview>[2] };
    const answer = await preview(installation, acme, asked.audience);
    expect(answer).toMatchObject({ count: 1, reachable: { sms: 1, email: 1 } });
  });
});

/** A key to read a workspace that the examples have made. */
async function readerOf(id: string): Promise<Workspace> {
  const response = await fetch(`${installation.apiUrl}/v1/keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${installation.adminKey}`, 'x-workspace': id },
    body: '{"role": "read"}',
  });
  const { key } = (await response.json()) as { key: string };
  return { id, keys: { ingest: key, read: key, write: key } };
}
