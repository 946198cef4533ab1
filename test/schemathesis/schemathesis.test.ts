/**
 * Both services by their own OpenAPI documents, with a key of each role and with none, a few thousand requests each:
 * npm run test:schemathesis. SEED repeats one, EXAMPLES says how many of each kind for an operation (15). What it
 * says is kept in reports/schemathesis. The table of every route and status is test/system/openapi.test.ts.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { removeInstallation, startInstallation, type Installation } from '../harness/installation.ts';
import { run, schemathesis } from './python.ts';
import { makeWorld, type World } from './world.ts';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
const EXAMPLES = Number(process.env['EXAMPLES'] ?? 15);
const REPORTS = resolve('reports', 'schemathesis');
const FOLDER = resolve('test', 'schemathesis');

const say = (message: string): void => void process.stderr.write(`schemathesis, seed ${SEED}: ${message}\n`);

let program: string;
let installation: Installation;
let world: World;
let folder: string;

beforeAll(async () => {
  say(`${EXAMPLES} examples; the same again: SEED=${SEED} EXAMPLES=${EXAMPLES} npm run test:schemathesis`);
  program = await schemathesis();
  installation = await startInstallation({ ownEngines: true, env: { PARTITIONS: '2' } });
  world = await makeWorld(installation);
  folder = mkdtempSync(join(tmpdir(), 'jane-traits-schemathesis-'));
  writeFileSync(join(folder, 'world.json'), JSON.stringify(world.hooks), { mode: 0o600 });
  mkdirSync(REPORTS, { recursive: true });
});
afterAll(async () => {
  if (folder) rmSync(folder, { recursive: true, force: true });
  if (installation) await removeInstallation(installation);
});

const ROLES = ['nobody', 'ingest', 'read', 'write', 'admin'] as const;
type Role = (typeof ROLES)[number];
type Service = 'api' | 'ingest';

function keyOf(role: Role): string | undefined {
  if (role === 'nobody') return undefined;
  return role === 'admin' ? installation.adminKey : world.workspace.keys[role];
}

async function fuzz(service: Service, role: Role): Promise<{ code: number; output: string }> {
  const url = service === 'api' ? installation.apiUrl : installation.ingestUrl;
  const key = keyOf(role);
  const args = [
    ...['--config-file', join(FOLDER, 'schemathesis.toml'), 'run', `${url}/openapi.json`, '--url', url],
    ...(key === undefined ? [] : ['--header', `Authorization: Bearer ${key}`]),
    ...['--continue-on-failure', '--seed', String(SEED), '--max-examples', String(EXAMPLES)],
    ...['--generation-database', 'none', '--request-timeout', '20', '--no-color', '--output-truncate', 'true'],
  ];
  const { code, output } = await run(program, args, {
    JANE_TRAITS_WORLD: join(folder, 'world.json'),
    SCHEMATHESIS_HOOKS: 'hooks',
    PYTHONPATH: FOLDER,
    PYTHONDONTWRITEBYTECODE: '1',
  });
  writeFileSync(join(REPORTS, `${service}-${role}.txt`), output);
  return { code, output };
}

/** As `4 operations, 618 generated, 618 passed`. */
function sumOf(output: string): string {
  const operations = /Operations: +(\d+) selected/.exec(output)?.[1] ?? '?';
  const cases = /Test cases:\n +(.*)/.exec(output)?.[1] ?? 'no cases';
  return `${operations} operations, ${cases}`;
}

/** What went wrong, without how it began and the warnings: no key is meant to have every answer. */
const failuresOf = (output: string): string =>
  /=+ (?:FAILURES|ERRORS) =+[^]*?(?==+ (?:WARNINGS|SUMMARY) =+)/.exec(output)?.[0] ?? output;

it.each(ROLES.flatMap((role) => (['api', 'ingest'] as const).map((service) => ({ service, role }))))(
  '$service answers as its document says, asked with the key of $role',
  async ({ service, role }) => {
    const { code, output } = await fuzz(service, role);
    say(`${service}, ${role}: ${sumOf(output)}`);
    expect(code, failuresOf(output)).toBe(0);
    // A run that got nowhere finds nothing either.
    expect(output).toMatch(/Test cases:\n +\d{3,} generated/);
  },
);
